//! Counting statements on the wire to Postgres.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The version with which a session begins (PostgreSQL 15, 55.7: `StartupMessage`); what comes before it asks for encryption.
const PROTOCOL_3_0: u32 = 196_608;

/// Stands between a host and Postgres, passes everything on, and counts the statements.
pub struct PostgresTap {
    port: u16,
    count: Arc<AtomicUsize>,
}

impl PostgresTap {
    /// Before a server that listens at this address, for as long as the test runs.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn before(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (port, count) = (listener.local_addr()?.port(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, Arc::clone(&counted)));
            }
        });
        Ok(Self { port, count })
    }

    /// Where it listens, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many statements were run: each `Execute`, and each simple `Query`. What goes before and after one (Spin has each
    /// prepared, and closes it) is not counted.
    pub fn statements(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

async fn pass(client: TcpStream, server: SocketAddr, count: Arc<AtomicUsize>) -> Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    pass_requests(from_client, to_server, &count).await
}

async fn pass_requests(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, count: &AtomicUsize) -> Result<()> {
    let mut has_begun = false;
    loop {
        let kind = if has_begun { Some(client.read_u8().await?) } else { None };
        let length = client.read_u32().await?;
        let mut message = vec![0; usize::try_from(length)?.checked_sub(4).context("a message without its length")?];
        client.read_exact(&mut message).await?;
        has_begun = has_begun || message.starts_with(&PROTOCOL_3_0.to_be_bytes());
        if matches!(kind, Some(b'E' | b'Q')) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        let mut whole: Vec<u8> = kind.into_iter().collect();
        whole.extend_from_slice(&length.to_be_bytes());
        whole.extend_from_slice(&message);
        server.write_all(&whole).await?;
    }
}
