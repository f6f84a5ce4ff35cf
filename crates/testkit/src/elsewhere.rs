//! A small HTTP/1.1 server that others ask: an issuer of tokens, an application. A test says what it answers, and looks at what it was asked.

use crate::clock::PATIENCE;
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// One request that it got.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Such as `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub fields: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of the first field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| &**value)
    }

    /// Its body as JSON; `null` where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What it does with a request.
#[derive(Clone, Debug)]
pub enum Told {
    /// A whole answer: the status, fields with their line breaks, the body.
    Answer(u16, String, Vec<u8>),
    /// Nothing, and the connection stays open.
    Nothing,
    /// Nothing, and the connection is cut.
    Cut,
    /// The head of an answer, and bytes for as long as somebody takes them.
    Endless,
}

impl Told {
    /// JSON, and 200.
    pub fn json(body: &(impl ToString + ?Sized)) -> Told {
        Told::Answer(200, "Content-Type: application/json\r\n".to_owned(), body.to_string().into_bytes())
    }

    /// An answer without a body.
    pub fn status(status: u16) -> Told {
        Told::Answer(status, String::new(), Vec::new())
    }
}

type Rule = Box<dyn Fn(&Asked) -> Told + Send>;

struct Shared {
    rule: Mutex<Rule>,
    asked: Mutex<Vec<Asked>>,
}

/// The server. Ends with the process: its threads hold nothing but a port.
pub struct Elsewhere {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Debug for Elsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Elsewhere({})", self.address)
    }
}

impl Elsewhere {
    /// Starts one that answers by that rule.
    pub fn start(rule: impl Fn(&Asked) -> Told + Send + 'static) -> Elsewhere {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { rule: Mutex::new(Box::new(rule)), asked: Mutex::default() });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let shared = Arc::clone(&served);
                // Whoever breaks off has got what it wanted.
                thread::spawn(move || serve(socket, &shared).unwrap_or_default());
            }
        });
        Elsewhere { address, shared }
    }

    /// The URL of a path there.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on it answers by that rule.
    pub fn change(&self, rule: impl Fn(&Asked) -> Told + Send + 'static) {
        *lock(&self.shared.rule) = Box::new(rule);
    }

    /// All that it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }

    /// How often it was asked.
    pub fn count(&self) -> usize {
        lock(&self.shared.asked).len()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut socket: TcpStream, shared: &Shared) -> std::io::Result<()> {
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut input = BufReader::new(socket.try_clone()?);
    while let Some(asked) = read(&mut input)? {
        lock(&shared.asked).push(asked.clone());
        let told = lock(&shared.rule)(&asked);
        match told {
            Told::Cut => return Ok(()),
            Told::Nothing => {
                let _until_the_peer_goes = input.read(&mut [0])?;
                return Ok(());
            }
            Told::Endless => {
                socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[\"")?;
                loop {
                    socket.write_all(&[b'x'; 8 << 10])?;
                }
            }
            Told::Answer(status, fields, body) => {
                let head = format!("HTTP/1.1 {status} -\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
                socket.write_all(&[head.as_bytes(), &body].concat())?;
            }
        }
    }
    Ok(())
}

/// The next request, unless the peer has gone.
fn read(input: &mut impl BufRead) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = fields.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap_or_default())];
    input.read_exact(&mut body)?;
    Ok(Some(Asked { method, target, fields, body }))
}
