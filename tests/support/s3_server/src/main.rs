//! The server in a process of its own. The first line that it prints is its address.
//!
//! `evenkeel-s3-server [--bucket <name>]… [--rate <bytes per second per connection>] [--port <n>]
//! [--min-part-size <bytes>] [--max-connections <n>]`

use evenkeel_s3_server::{Server, Settings};
use std::{error::Error, str::FromStr};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut buckets, mut rest) = (Vec::new(), Vec::new());
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--bucket" => buckets.push(value),
            _ => rest.push((name, value)),
        }
    }
    let buckets: Vec<_> = buckets.iter().map(String::as_str).collect();
    let mut settings = Settings::new(&buckets);
    for (name, value) in &rest {
        settings = match name.as_str() {
            "--rate" => settings.rate(number(value)?),
            "--port" => settings.port(number(value)?),
            "--min-part-size" => settings.min_part_size(number(value)?),
            "--max-connections" => settings.max_connections(number(value)?),
            _ => return Err(format!("there is no {name}").into()),
        };
    }
    let server = Server::start(settings).await?;
    println!("{}", server.addr());
    // Until somebody ends the process.
    std::future::pending().await
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}
