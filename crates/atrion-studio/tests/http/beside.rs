// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Studio beside a fleet shows what the nodes share.

use atrion_license::{Tier, development};
use atrion_studio::Studio;
use atrion_studio::source::Fleet;
use serde_json::json;

use crate::client::{Events, get, post, sign_in};
use crate::fleet::hearsay;

#[tokio::test]
async fn a_fleet_is_seen_from_beside_it_and_nothing_can_be_changed_from_there() {
    let fleet = Fleet::join(hearsay()).await.unwrap();
    let studio =
        Studio::over(fleet.clone()).license(development::key(Tier::Starter).unwrap()).overrides(true);
    let studio = studio.address(([127, 0, 0, 1], 0).into()).start().await.unwrap();
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let state = Events::open(to, &cookie, None).await.next().await.unwrap().data;

    let nodes = state["around"]["nodes"].as_array().unwrap();
    let names: Vec<_> = nodes.iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop-7d9f-2", "shop-7d9f-3", "shop-7d9f-4", "shop-7d9f-5", "shop-7d9f-6"]);
    assert_eq!((&state["around"]["gamma"], &nodes[4]["silenceS"]), (&json!(0.3), &json!(5.0)));
    // The route as its worst node sees it: payments are open there.
    let names = state["names"].as_object().unwrap();
    let number: u64 = names.iter().find(|(_, name)| *name == "payments.charge").unwrap().0.parse().unwrap();
    let row = state["rows"].as_array().unwrap().iter().find(|row| row[0] == number).unwrap();
    let column =
        |name: &str| 1 + state["columns"].as_array().unwrap().iter().position(|c| c == name).unwrap();
    assert_eq!((&row[column("mode")], row[column("scar")].as_f64()), (&json!(2), Some(94.0)));

    // What each node asks of a callee that is one for all; N* is the nodes' own.
    let stock = &state["around"]["callees"][0];
    assert_eq!((&stock["route"], &stock["fleet"]), (&json!("stock.reserve"), &json!(null)));
    let asked: Vec<_> = stock["nodes"].as_array().unwrap().iter().map(|node| &node["offered"]).collect();
    assert_eq!(asked, [20.0, 40.0, 60.0, 80.0, 100.0]);

    assert_eq!(state["about"]["overrides"], json!(false), "there is nobody here who could");
    let wish =
        json!({ "route": "stock.reserve", "kind": "reset", "reason": "x", "author": "me", "seconds": 60 });
    assert_eq!(post(to, "/studio/v1/overrides", &[("Cookie", &cookie)], &wish).await.status, 403);
    assert_eq!(
        get(to, "/api/v1/state", &[("Cookie", &cookie)]).await.status,
        404,
        "no process, no API of one"
    );
    fleet.leave().await;
}
