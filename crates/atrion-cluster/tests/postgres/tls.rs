// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! TLS with certificates that only the test trusts.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_cluster::Credentials;
use atrion_core::Mode;
use atrion_state::{ProviderError, StateProvider};
use atrion_testbed::Postgres;

use super::authority::Authority;
use super::world::{builder, route, server, until, vector};

const PASSWORD: &str = "hunter2";

fn url(server: &Postgres, host: &str, password: &str, mode: &str, root: &Path) -> String {
    let port = server.address().port();
    format!("postgres://app:{password}@{host}:{port}/one?sslmode={mode}&sslrootcert={}", root.display())
}

pub(crate) async fn only_a_trusted_server_is_talked_to() {
    let (mine, other) = (Authority::new(), Authority::new());
    let server = Postgres::builder().tls(mine.files.clone()).start().unwrap();
    server.create_role("app", PASSWORD).unwrap();
    server.execute("postgres", "create database one owner app").unwrap();
    let mine = &mine.files.authority;

    // The name and the authority; the authority alone, under any name.
    for (host, mode) in [("localhost", "verify-full"), ("127.0.0.1", "verify-ca")] {
        let adapter = builder(&url(&server, host, PASSWORD, mode, mine)).build().unwrap();
        adapter.connect().await.unwrap();
        until("it is up", || adapter.health().is_up()).await;
        adapter.update_vector(route("a"), vector(Mode::Operational, 5.0)).await.unwrap();
        adapter.flush().await.unwrap();
        let encrypted = "select bool_and(s.ssl), bool_and(s.version like 'TLSv1.%') from pg_stat_ssl s \
                         join pg_stat_activity a using (pid) where a.application_name = 'atrion'";
        assert_eq!(server.execute("one", encrypted).unwrap(), ["t|t"], "{mode}");
        let history = adapter.history().unwrap();
        history.last(Duration::from_secs(1)).await.unwrap();
        adapter.disconnect().await.unwrap();
    }

    // Signed by another authority; of another name; the right server and the wrong password.
    for (host, password, mode, root, says) in [
        ("localhost", PASSWORD, "verify-full", &other.files.authority, "invalid peer certificate"),
        ("localhost", PASSWORD, "verify-ca", &other.files.authority, "invalid peer certificate"),
        ("127.0.0.1", PASSWORD, "verify-full", mine, "invalid peer certificate"),
        ("localhost", "hunter3", "verify-full", mine, "check the role and the password"),
    ] {
        let adapter = builder(&url(&server, host, password, mode, root)).build().unwrap();
        let error = adapter.connect().await.unwrap_err();
        assert!(matches!(error, ProviderError::Rejected { .. }), "{mode} {error:?}");
        assert!(error.to_string().contains(says), "{error}");
        if password == PASSWORD {
            assert!(error.to_string().contains("check `sslmode`, `sslrootcert` and the host"), "{error}");
        }
        println!("{host} {mode}: {error}");
        let asked = adapter.history().unwrap().last(Duration::from_secs(1)).await.unwrap_err();
        for shown in
            [format!("{error} {error:?} {:?} {adapter:?}", adapter.health()), format!("{asked} {asked:?}")]
        {
            assert!(!shown.contains("hunter"), "{shown}");
        }
        // Admission does not care.
        adapter.update_vector(route("a"), vector(Mode::Operational, 5.0)).await.unwrap();
        assert!(adapter.get_vector(&route("a")).await.unwrap().is_some());
    }
}

pub(crate) async fn a_server_without_tls_is_refused_by_who_asks_for_it() {
    let mine = Authority::new();
    let password = Postgres::PASSWORD;
    for mode in ["require", "verify-full"] {
        let port = server().address().port();
        let root = mine.files.authority.display();
        let url = format!(
            "postgres://postgres:{password}@localhost:{port}/postgres?sslmode={mode}&sslrootcert={root}"
        );
        let adapter = builder(&url).build().unwrap();
        let error = adapter.connect().await.unwrap_err();
        assert!(error.to_string().contains("server does not support TLS: check `sslmode`"), "{error}");
        assert!(!format!("{error:?} {adapter:?}").contains(password));
    }
}

pub(crate) async fn a_client_s_certificate_that_is_renewed_is_asked_for_again() {
    let mine = Authority::new();
    let server = Postgres::builder().tls(mine.files.clone()).start().unwrap();
    server.create_role("app", PASSWORD).unwrap();
    server.execute("postgres", "create database one owner app").unwrap();
    // What an agent keeps in two files.
    let files = Arc::new(Mutex::new(mine.client(1)));
    let source = Arc::clone(&files);
    let url = url(&server, "localhost", PASSWORD, "verify-full", &mine.files.authority);
    let adapter = builder(&url).write_behind(Duration::from_millis(100)).credentials(move || {
        let (certificate, key) = source.lock().unwrap().clone();
        async { Ok(Credentials::default().with_certificate(certificate, key)) }
    });
    let adapter = adapter.build().unwrap();
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;
    let serials = || {
        let shown = "select distinct s.client_serial from pg_stat_ssl s join pg_stat_activity a using (pid) \
                     where a.usename = 'app'";
        server.execute("one", shown).unwrap()
    };
    assert_eq!(serials(), ["1"]);

    // The agent is late, and the server lets nobody in with this one.
    *files.lock().unwrap() = mine.expired_client(2);
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'";
    server.execute("postgres", end).unwrap();
    adapter.update_vector(route("a"), vector(Mode::Operational, 5.0)).await.unwrap();
    until("the old certificate is refused", || format!("{:?}", adapter.health()).contains("ertificate"))
        .await;
    *files.lock().unwrap() = mine.client(3);
    until("it is up with the renewed one", || adapter.health().is_up()).await;
    adapter.flush().await.unwrap();
    assert_eq!(serials(), ["3"]);
    assert!(!format!("{adapter:?} {:?}", adapter.stats()).contains("PRIVATE KEY"));
    adapter.disconnect().await.unwrap();
}
