//! The other side: processes that attack. Each is this test once more, told by a variable what it is to do.
//!
//! They have the processor time that nobody else wants (`chrt --idle`), and end when whoever started them does.

use crate::attack::{ATTACKS, Attack, Target};
use crate::victim::Victim;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tidings_testkit::Deadline;
use tokio::task::JoinSet;

const VARIABLE: &str = "TIDINGS_ATTACKER";

/// How many may attack at a time in one way. The server may have a thousand more where the system gives each process 20,000 descriptors:
/// who comes again and again because there is no room is another attack than who comes and stays.
const CONNECTIONS_MAX: usize = 19_000;

/// What one of them says once it has begun.
const BEGUN: u8 = b'!';

/// What one is to do.
pub(crate) struct Order {
    attack: &'static Attack,
    connections: usize,
    target: Target,
}

impl Order {
    fn text(&self) -> String {
        let Order { attack, connections, target: Target { address, secured } } = self;
        format!("{address} {secured} {connections} {}", attack.name)
    }

    /// None where this is no attacker.
    pub(crate) fn from_environment() -> Option<Order> {
        let text = std::env::var(VARIABLE).ok()?;
        let mut words = text.splitn(4, ' ');
        let mut next = || words.next().expect("an order has four words");
        let address = |text: &str| text.parse::<SocketAddr>().expect("it is an address");
        let target = Target { address: address(next()), secured: address(next()) };
        let connections = next().parse().expect("it is a number");
        let name = next();
        let attack = ATTACKS.iter().find(|attack| attack.name == name).expect("there is such an attack");
        Some(Order { attack, connections, target })
    }
}

/// Attacks until it is ended.
pub(crate) fn run(order: &Order) {
    std::thread::spawn(|| {
        let _no_more = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    crate::attack::allow_descriptors();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut connections = JoinSet::new();
        for number in 0..order.connections {
            connections.spawn_local((order.attack.run)(order.target, number));
            if number % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        std::io::stderr().write_all(&[BEGUN]).expect("somebody listens");
        while connections.join_next().await.is_some() {}
    });
}

/// Attackers at work. They end with this.
pub(crate) struct Attackers(Vec<Child>);

impl Attackers {
    pub(crate) fn process_ids(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(Child::id)
    }

    /// Returns when they have begun.
    pub(crate) async fn start(attacks: &[&'static Attack], victim: &Victim, size: usize) -> Attackers {
        /// No process may have many more descriptors.
        const EACH_MAX: usize = 10_000;
        let mut attackers = Attackers(Vec::new());
        let target = Target { address: victim.address(), secured: victim.secured_address() };
        for attack in attacks {
            let connections = attack.connections * if attack.grows { size } else { 1 };
            let connections = connections.min(CONNECTIONS_MAX);
            let processes = connections.div_ceil(EACH_MAX);
            for _ in 0..processes {
                let order = Order { attack, connections: connections / processes, target };
                attackers.0.push(launch(&order));
            }
        }
        for child in &mut attackers.0 {
            let deadline = Deadline::patient();
            let mut stderr = child.stderr.take().expect("it is piped");
            let begun = tokio::task::spawn_blocking(move || {
                let mut said = [0];
                let read = stderr.read(&mut said);
                (read.is_ok_and(|count| count == 1) && said[0] == BEGUN, stderr)
            });
            let (has_begun, stderr) = begun.await.expect("reading does not panic");
            assert!(has_begun && !deadline.passed(), "an attacker does not begin");
            child.stderr = Some(stderr);
        }
        // What they begin with is on its way.
        tokio::time::sleep(Duration::from_millis(50)).await;
        attackers
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Else those who end have to wait for a processor that nobody else wants.
            let priority = ["--other", "--pid", "0", &child.id().to_string()];
            let _raised = Command::new("chrt").args(priority).stderr(Stdio::null()).status();
            let _killed = child.kill();
        }
        for child in &mut self.0 {
            let _ended = child.wait();
        }
    }
}

fn launch(order: &Order) -> Child {
    let this = std::env::current_exe().expect("a running test knows its own file");
    Command::new("chrt")
        .args(["--idle", "0"])
        .arg(this)
        .arg("--nocapture")
        .env(VARIABLE, order.text())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("chrt can be run")
}
