//! Fetches web pages at once and prints each as it arrives, whatever the order of the requests.
//!
//! One page does not exist: its error is the result of its own future and disturbs no other. One
//! page is slow: the wait ends with a timeout that leaves the call running, and a second wait gets
//! the page after all. A small server on the loopback stands for the web.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use concurrent_futures::{Future, ThreadPoolExecutor, as_completed, as_completed_timeout};

/// How long the slow page takes.
const SLOW: Duration = Duration::from_millis(2500);
/// How long we are ready to wait at first.
const PATIENCE: Duration = Duration::from_millis(1000);

type Page = Result<String, ureq::Error>;

fn main() -> Result<(), Box<dyn Error>> {
    let server = serve()?;
    let pool = ThreadPoolExecutor::new(5)?;

    let mut pages = Vec::new();
    // Which page each future is for, until it was shown.
    let mut awaited = HashMap::new();
    for path in ["/news", "/slow", "/missing", "/weather", "/sports"] {
        let page = pool.submit_result(fetch, format!("http://{server}{path}"))?;
        awaited.insert(page.id(), path);
        pages.push(page);
    }

    // By reference: the futures are still ours after the timeout.
    for page in as_completed_timeout(&pages, PATIENCE) {
        match page {
            Ok(page) => show(awaited.remove(&page.id()), page)?,
            Err(timeout) => println!(
                "timeout: {} of {} pages are not here",
                timeout.pending, timeout.total
            ),
        }
    }

    // By what was shown, not by `done`: a page may have come since the timeout.
    pages.retain(|page| awaited.contains_key(&page.id()));
    for page in as_completed(&pages) {
        show(awaited.remove(&page.id()), page)?;
    }
    Ok(())
}

/// The call that runs on the pool.
fn fetch(url: String) -> Page {
    let request = ureq::get(url).config().proxy(None).build();
    request.call()?.body_mut().read_to_string()
}

/// Prints one page, or why there is none. A call that panicked or was cancelled ends the program.
fn show(path: Option<&str>, page: &Future<Page>) -> Result<(), Box<dyn Error>> {
    let path = path.ok_or("a future came twice")?;
    match page.result_ref().map_err(ToString::to_string)? {
        Ok(text) => println!("{path}: {} bytes", text.len()),
        Err(ureq::Error::StatusCode(code)) => println!("{path}: the server answers {code}"),
        Err(error) => println!("{path}: {error}"),
    }
    Ok(())
}

/// Starts the server, a thread per request, and returns its address.
fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || {
                if let Err(error) = answer(client) {
                    eprintln!("server: {error}");
                }
            });
        }
    });
    Ok(address)
}

fn answer(mut client: TcpStream) -> io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(client.try_clone()?);
    // The head of a request ends with an empty line.
    while reader.read_line(&mut request)? > "\r\n".len() {}

    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path {
        "/missing" => ("404 Not Found", String::new()),
        "/slow" => {
            thread::sleep(SLOW);
            ("200 OK", "At last.\n".repeat(1000))
        }
        path => ("200 OK", format!("All about {path}.\n").repeat(100)),
    };
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
