// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Which clusters use a license is counted where they share a database, told, and nothing else.

use atrion_license::{LicenseId, Tier, development};
use atrion_state::StateProvider;

use super::world::{builder, connected, database, fresh, open, route, server, until, until_rows};

pub(crate) async fn clusters_above_the_limit_are_counted_and_nothing_else() {
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    // A starter license is for one cluster. It is this test's own: others of the process count on
    // theirs.
    let id = LicenseId::from_parts(1_767_225_600_000, *b"pg-clustrs");
    let mut terms = development::terms(Tier::Starter);
    terms.id = id.clone();
    let key = development::signing_key().issue(&terms).unwrap();
    // A cluster that was last seen two days ago, one of another process, and one with
    // another license.
    let seen = format!(
        "insert into atrion.license_cluster values ('{id}', 'forgotten', now() - interval '2 days'), \
         ('{id}', 'elsewhere', now() + interval '1 day'), ('another', 'theirs', now())"
    );
    server().execute(&name, &seen).unwrap();
    let adapter = builder(&url).cluster("mine").license(key).build().unwrap();
    adapter.connect().await.unwrap();
    until("both clusters are counted", || adapter.licensed_clusters() == (2, 1)).await;
    assert!(adapter.health().is_up() && adapter.is_licensed());
    adapter.update_vector(route("a"), open(5.0)).await.unwrap();
    adapter.flush().await.unwrap();
    let kept = format!(
        "select string_agg(cluster, ',' order by cluster) from atrion.license_cluster where license = '{id}'"
    );
    assert_eq!(server().execute(&name, &kept).unwrap(), ["elsewhere,mine"]);
}

/// A role whose grants are from before the table was there.
pub(crate) async fn a_role_that_may_not_count_stores_all_the_same() {
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    let role = fresh("app");
    server().create_role(&role, "secret").unwrap();
    super::rights::grant(&name, &role);
    server().execute(&name, &format!("revoke all on atrion.license_cluster from \"{role}\"")).unwrap();
    let adapter = builder(&server().url_as(&role, &name)).migrate(false).build().unwrap();
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;
    adapter.update_vector(route("a"), open(5.0)).await.unwrap();
    adapter.flush().await.unwrap();
    until_rows(server(), &name, "select scar from atrion.vector_current", "5").await;
    assert!(adapter.health().is_up(), "{:?}", adapter.health());
    adapter.disconnect().await.unwrap();
}
