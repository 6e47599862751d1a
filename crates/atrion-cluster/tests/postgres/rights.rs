// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Roles: the one that owns the schema, the one that only uses it, and the one that may nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_cluster::postgres::HistoryReader;
use atrion_cluster::{CredentialError, Credentials};
use atrion_core::Mode;
use atrion_state::{ProviderError, StateProvider};
use atrion_testbed::Postgres;

use super::world::{builder, connected, database, fresh, open, route, server, until, vector};

/// What `manual/persistence.md` tells to grant, word by word.
pub(crate) fn grant(database: &str, role: &str) {
    let page = include_str!("../../../atrion/manual/persistence.md");
    let block = page.split("<!-- grants -->").nth(1).expect("the page has the grants");
    let sql: String =
        block.lines().filter(|line| !line.starts_with("```")).map(|line| format!("{line}\n")).collect();
    server().execute(database, &sql.replace("atrion_app", role)).unwrap();
}

pub(crate) async fn a_role_without_the_right_to_make_tables_does_everything_else() {
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    let role = fresh("app");
    server().create_role(&role, "secret").unwrap();
    grant(&name, &role);
    // Even the public schema is closed to it.
    server().execute(&name, "revoke create on schema public from public").unwrap();
    server().execute(&name, "select atrion.upkeep(now(), 7, 90, 1000)").unwrap();
    let today = server().execute(&name, "select to_char(now() at time zone 'UTC', 'YYYYMMDD')").unwrap();
    server().execute(&name, &format!("drop table atrion.mode_transition_{}", today[0])).unwrap();

    for migrate in [false, true] {
        let adapter =
            builder(&server().url_as(&role, &name)).migrate(migrate).pooled(migrate).build().unwrap();
        adapter.connect().await.unwrap();
        until("it is up", || adapter.health().is_up()).await;
        adapter.update_vector(route("a"), open(5.0)).await.unwrap();
        adapter.update_vector(route("a"), vector(Mode::Operational, 4.0)).await.unwrap();
        adapter.flush().await.unwrap();
        adapter.disconnect().await.unwrap();
    }
    // The partition that was missing was made by the function, with its owner's rights.
    let stored =
        "select count(*) > 2, (select count(*) from atrion.vector_current) from atrion.mode_transition";
    assert_eq!(server().execute(&name, stored).unwrap(), ["t|1"]);
    for forbidden in ["create table atrion.own()", "drop table atrion.vector_current", "create schema own"] {
        let tried = server().execute(&name, &format!("set role \"{role}\"; {forbidden}"));
        assert!(tried.is_err(), "the role may {forbidden}");
    }
}

pub(crate) async fn a_role_without_any_right_is_told_what_to_grant() {
    let (name, url) = database();
    let role = fresh("nobody");
    server().create_role(&role, "secret").unwrap();
    server().execute(&name, "revoke all on schema public from public").unwrap();
    for has_schema in [false, true] {
        if has_schema {
            connected(&url).await.disconnect().await.unwrap();
        }
        let adapter = builder(&server().url_as(&role, &name)).build().unwrap();
        let error = adapter.connect().await.unwrap_err();
        assert!(matches!(error, ProviderError::Rejected { .. }), "{error:?}");
        assert!(error.to_string().contains("grant"), "{error}");
        // Admission does not care.
        adapter.update_vector(route("a"), open(5.0)).await.unwrap();
        assert!(adapter.get_vector(&route("a")).await.unwrap().is_some());
    }
}

pub(crate) async fn a_wrong_password_is_an_error_that_says_so() {
    let (name, _) = database();
    let url = Postgres::url_at(server().address(), "postgres", "hunter2", &name);
    let adapter = builder(&url).build().unwrap();
    let error = adapter.connect().await.unwrap_err();
    assert!(
        matches!(error, ProviderError::Rejected { .. }) && error.to_string().contains("password"),
        "{error}"
    );
    let shown = format!("{error:?} {error} {adapter:?} {:?}", adapter.health());
    assert!(!shown.contains("hunter2"), "{shown}");
}

pub(crate) async fn what_a_server_says_of_a_name_is_one_line() {
    let url = Postgres::url_at(server().address(), "postgres", Postgres::PASSWORD, "a%0Ab%1B%5B31m");
    let adapter = builder(&url).build().unwrap();
    let error = adapter.connect().await.unwrap_err();
    assert!(error.to_string().contains("a\\nb\\u{1b}[31m"), "{error}");
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
    let reader = HistoryReader::new(&url, "shop").unwrap();
    let asked = reader.last(Duration::from_secs(1)).await.unwrap_err().to_string();
    assert!(!asked.contains(char::is_control), "{asked:?}");
}

pub(crate) async fn a_password_that_is_changed_is_asked_for_again() {
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    let role = fresh("rotated");
    server().create_role(&role, "first").unwrap();
    grant(&name, &role);
    let secret = Arc::new(Mutex::new(Ok("first")));
    let source = Arc::clone(&secret);
    // The url's own password is of yesterday.
    let url = Postgres::url_at(server().address(), &role, "yesterday", &name);
    let adapter = builder(&url).write_behind(Duration::from_millis(100)).credentials(move || {
        let given = *source.lock().unwrap();
        async move { given.map(Credentials::password).map_err(|why: &str| CredentialError::from(why)) }
    });
    let shown = format!("{adapter:?}");
    assert!(shown.contains("a source of credentials") && !shown.contains("yesterday"), "{shown}");
    let adapter = adapter.build().unwrap();
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;

    let change = |password: &str| {
        let changed = format!("alter role \"{role}\" password '{password}'");
        server().execute("postgres", &changed).unwrap();
        let ended =
            format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'");
        server().execute("postgres", &ended).unwrap();
    };
    let degraded = |why: &str| format!("{:?}", adapter.health()).contains(why);
    change("hunter2");
    adapter.update_vector(route("a"), open(1.0)).await.unwrap();
    until("the old password is refused", || degraded("password authentication failed")).await;
    *secret.lock().unwrap() = Err("the agent is not there yet");
    until("the source is asked, and its reason shown", || degraded("the agent is not there yet")).await;
    *secret.lock().unwrap() = Ok("hunter2");
    until("it is up with the new one", || adapter.health().is_up()).await;
    adapter.flush().await.unwrap();
    assert_eq!(server().execute(&name, "select scar from atrion.vector_current").unwrap(), ["1"]);
    // The history asks the same source.
    let history = adapter.history().unwrap();
    history.last(Duration::from_secs(1)).await.unwrap();
    change("hunter3");
    *secret.lock().unwrap() = Ok("hunter3");
    let mut asked = history.last(Duration::from_secs(1)).await;
    if asked.is_err() {
        // The connection that was ended had not been given back as such.
        asked = history.last(Duration::from_secs(1)).await;
    }
    asked.unwrap();
    assert!(!format!("{adapter:?} {history:?} {:?}", adapter.stats()).contains("hunter"));
    adapter.disconnect().await.unwrap();
}
