# The figures of a comparison, one line of a Markdown table for each way: jq -r -f docs/which-transport.jq results/typical.json

def rounded($digits): if . == null then "–" else (. * pow(10; $digits) | round) / pow(10; $digits) end;
def per($count): if . == null or $count == 0 then null else . / $count end;

def name:
  if .way == null then "nobody"
  elif .way.way == "poll" then "polling, \(.way.every_s) s"
  else {"websocket": "WebSocket", "sse": "SSE", "long-poll": "long polling", "long-poll-closing": "long polling, closing"}[.way.way]
  end;

def line($cells): "| \($cells | map(tostring) | join(" | ")) |";

def figures:
  . as $run
  | line([ name, .followers, .messages_per_s,
      (.latency.p50_ms | rounded(1)), (.latency.p99_ms | rounded(1)),
      (.requests | per($run.measured_s) | rounded(1)),
      (.requests | per($run.delivered) | rounded(2)),
      (.empty_requests | per($run.requests) | if . == null then "–" else "\(. * 100 | round) %" end),
      (.sent_bytes | per($run.delivered) | rounded(0)), (.received_bytes | per($run.delivered) | rounded(0)),
      ($run.server.cpu_s | per($run.measured_s) | if . == null then "–" else "\(. * 1000 | round / 10) %" end),
      ($run.server.cpu_s | if . == null then null else . * 1e6 end | per($run.delivered) | rounded(1)),
      ($run.server.followers_bytes | per($run.followers) | rounded(0)),
      (.connections_held | rounded(0)),
      .delivered, .lost, .repeated, .reordered,
      (if .bottleneck == null then "" else .bottleneck end) ]);

"### \(.command)", "",
line(["way", "followers", "messages/s", "p50 ms", "p99 ms", "requests/s", "requests/delivery", "empty", "sent B/delivery",
  "received B/delivery", "of a processor", "µs/delivery", "B/follower", "connections", "deliveries", "lost", "doubled", "reordered", "not used because"]),
"|" + ([range(19) | "---|"] | join("")),
(([.publishing_alone | select(. != null)] + .runs + .sides)[] | figures),
(select(.sweep != null) | .sweep.cells[].runs[] | figures),
"",
(select((.troubled // []) != [])
  | line(["way", "whole again p50 ms", "last ms", "never", "requests/s at the peak", "lost", "doubled", "reordered"]), "|---|---|---|---|---|---|---|---|",
    (.troubled[] | line([name, (.trouble.whole_after.p50_ms | rounded(0)), (.trouble.whole_after.max_ms | rounded(0)), .trouble.never_whole,
      (.trouble.requests_peak_per_s | rounded(0)), .lost, .repeated, .reordered])), ""),
(select(.publishing != [])
  | line(["publishing by", "p50 ms", "p99 ms", "server µs", "sent B", "received B"]), "|---|---|---|---|---|---|",
    (.publishing[] | line([.how, (.round_trip.p50_ms | rounded(3)), (.round_trip.p99_ms | rounded(3)), (.server_cpu_us | rounded(1)),
      (.sent_bytes | rounded(0)), (.received_bytes | rounded(0))])))
