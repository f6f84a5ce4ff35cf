//! What breaks on other systems, and must not here: one table of scenarios, run over every transport that they make sense for.
//!
//! Each test is named `scenario_<number>_<claim>::<transport>` and runs the real binary.

#![expect(clippy::unwrap_used, reason = "a test may unwrap")]

mod catching_up;
mod clock;
mod going_live;
mod many_streams;
mod publishing;
mod reloading;
mod resets;
mod resuming;
mod retention;
mod switching;
mod workload;

use tidings_testkit::Transport;

/// Makes one test of each scenario and transport.
macro_rules! scenarios {
    ($($claim:ident: $file:ident::$run:ident, over $($transport:ident)+;)+) => {
        $(mod $claim {
            $(#[test]
            fn $transport() {
                super::$file::$run(super::transport(stringify!($transport)));
            })+
        })+
    };
}

scenarios! {
    scenario_01_a_lost_answer_is_given_again: resuming::a_lost_answer_is_given_again, over poll long_poll sse websocket;
    scenario_02_nothing_received_is_a_place_too: resuming::nothing_received_is_a_place_too, over poll long_poll sse websocket;
    scenario_03_idle_past_the_retention: retention::idle_past_the_retention, over poll long_poll sse websocket;
    scenario_04_the_earliest_offset_is_good: retention::the_earliest_offset_is_good, over poll long_poll sse websocket;
    scenario_05_killed_under_load: resuming::killed_under_load, over poll long_poll sse websocket;
    scenario_06_made_again_under_the_same_name: resets::made_again_under_the_same_name, over poll long_poll sse websocket;
    scenario_08_going_live_loses_and_doubles_nothing: going_live::loses_and_doubles_nothing, over poll long_poll sse websocket;
    scenario_09_a_storm_during_a_long_catch_up: catching_up::a_storm_on_the_way, over poll long_poll sse websocket;
    scenario_10_a_million_messages: catching_up::a_million_messages, over poll long_poll sse websocket;
    scenario_11_repeated_over_a_flapping_link: publishing::repeated_over_a_flapping_link, over poll long_poll sse websocket;
    scenario_12_wrong_offsets_are_said_to_be_wrong: resets::wrong_offsets_are_said_to_be_wrong, over poll long_poll sse websocket;
    scenario_13_one_connection_fifty_streams: many_streams::one_connection_fifty_streams, over poll websocket;
    scenario_14_the_clock_is_set_back: clock::is_set_back, over poll long_poll sse websocket;
    scenario_28_restart_and_reload_drop_nothing: reloading::restart_and_reload_drop_nothing, over poll long_poll sse websocket;
}

/// Number 7 has all transports in one run: twelve readers, one for each ordered pair.
mod scenario_07_switched_every_50_to_500_ms {
    #[test]
    fn all_twelve_pairs() {
        super::switching::all_twelve_pairs();
    }
}

/// Number 11 again, with a change of transport between the tries.
mod scenario_11_repeated_over_another_transport {
    #[test]
    fn by_post_and_websocket() {
        super::publishing::repeated_over_another_transport();
    }
}

fn transport(name: &str) -> Transport {
    match name {
        "poll" => Transport::Poll,
        "long_poll" => Transport::LongPoll,
        "sse" => Transport::Sse,
        "websocket" => Transport::WebSocket,
        _ => panic!("{name} is not a transport"),
    }
}
