//! Clients of the servers.

use export_hyper::{Client, ClientBuilder};
use test_servers::Server;

pub(crate) fn client(server: &Server) -> Client {
    builder(server).build().unwrap()
}

pub(crate) fn builder(server: &Server) -> ClientBuilder<Client> {
    builder_at(&server.url())
}

pub(crate) fn builder_at(url: &str) -> ClientBuilder<Client> {
    test_servers::settings(Client::builder(), url)
}

/// Waits until this many connections were closed.
pub(crate) async fn ended(server: &Server, connections: usize) {
    while server.ended() < connections {
        tokio::task::yield_now().await;
    }
}
