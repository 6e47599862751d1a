// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Migrations: at once, from older, to newer.

use std::sync::Arc;

use atrion_state::{ProviderError, StateProvider};

use super::world::{builder, connect_at_once, connected, database, open, route, server};

pub(crate) async fn many_nodes_migrate_at_once() {
    let (name, url) = database();
    let nodes: Vec<_> =
        (0..8).map(|nth| Arc::new(builder(&url).node(format!("n{nth}")).build().unwrap())).collect();
    connect_at_once(&nodes).await;
    assert_eq!(server().execute(&name, "select count(*) from atrion.schema_migrations").unwrap(), ["4"]);
}

pub(crate) async fn an_older_schema_is_migrated_or_refused() {
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    server()
        .execute(
            &name,
            "delete from atrion.schema_migrations where version > 1001; drop table atrion.license_cluster, atrion.lease; \
             drop function atrion.upkeep(timestamptz, int, int, int)",
        )
        .unwrap();
    let only_looks = builder(&url).migrate(false).build().unwrap();
    let error = only_looks.connect().await.unwrap_err();
    assert!(
        error.to_string().contains("older than this build: it has version 1001 and needs 1004"),
        "{error}"
    );
    let migrates = connected(&url).await;
    migrates.update_vector(route("a"), open(1.0)).await.unwrap();
    migrates.disconnect().await.unwrap();
    assert_eq!(server().execute(&name, "select count(*) from atrion.mode_transition").unwrap(), ["1"]);
}

pub(crate) async fn a_newer_minor_is_used_and_a_newer_major_is_refused() {
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    let add = |version: u32| {
        let insert =
            format!("insert into atrion.schema_migrations(version, checksum) values ({version}, '\\x00')");
        server().execute(&name, &insert).unwrap();
    };
    add(1_777);
    connected(&url).await.disconnect().await.unwrap();
    add(2_001);
    for migrate in [true, false] {
        let adapter = builder(&url).migrate(migrate).build().unwrap();
        let error = adapter.connect().await.unwrap_err();
        assert!(matches!(error, ProviderError::Rejected { .. }), "{error:?}");
        assert!(error.to_string().contains("version 2001, of a newer major"), "{error}");
        // Nothing is written to it.
        adapter.update_vector(route("a"), open(1.0)).await.unwrap();
        assert!(adapter.flush().await.is_err());
        assert!(adapter.disconnect().await.is_err(), "what was accepted could not be stored");
    }
    assert_eq!(server().execute(&name, "select count(*) from atrion.vector_current").unwrap(), ["0"]);
    server().execute(&name, "delete from atrion.schema_migrations where version = 2001").unwrap();
    // A text that is not this build's.
    server()
        .execute(&name, "update atrion.schema_migrations set checksum = '\\x01' where version = 1001")
        .unwrap();
    let error = builder(&url).build().unwrap().connect().await.unwrap_err();
    assert!(error.to_string().contains("another text"), "{error}");
}
