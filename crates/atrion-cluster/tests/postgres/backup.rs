// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What `manual/persistence.md` says of backups: the tools of PostgreSQL carry everything over,
//! while a node writes.

use std::process::Command;

use atrion_state::StateProvider;

use super::world::{connected, database, open, route, server};

pub(crate) async fn a_dump_that_is_restored_is_found_by_the_next_life() {
    let ((name, url), (other, other_url)) = (database(), database());
    let adapter = connected(&url).await;
    adapter.update_vector(route("api/pay"), open(50.0)).await.unwrap();
    adapter.flush().await.unwrap();

    let programs = server().programs();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(programs.folder.join(program));
        if let Some(libraries) = &programs.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("atrion.dump");
    let dump = dump.to_str().unwrap();
    run("pg_dump", &["--format=custom", "--schema=atrion", "--file", dump, &url]);
    run("pg_restore", &["--dbname", &other_url, dump]);
    adapter.update_vector(route("api/pay"), open(60.0)).await.unwrap();
    adapter.disconnect().await.unwrap();

    let restored = connected(&other_url).await;
    let found = restored.get_vector(&route("api/pay")).await.unwrap().unwrap();
    assert!((found.scar_tissue.get() - 50.0).abs() < 1e-9, "as it was when it was dumped");
    restored.update_vector(route("api/pay"), open(70.0)).await.unwrap();
    restored.disconnect().await.unwrap();
    let stored = "select scar, (select count(*) from atrion.mode_transition) from atrion.vector_current";
    assert_eq!(server().execute(&other, stored).unwrap(), ["70|1"]);
    assert_eq!(server().execute(&name, stored).unwrap(), ["60|1"]);
}
