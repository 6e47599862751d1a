// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! From a plan that fails to the smallest one that still does.

use super::plan::Plan;

/// The plan, without whatever it also fails without, and why it fails then.
pub fn smallest(plan: Plan, fails: impl Fn(&Plan) -> Option<String>) -> Option<(Plan, String)> {
    let mut found = (plan.clone(), fails(&plan)?);
    while let Some(smaller) = found.0.smaller().into_iter().find_map(|plan| {
        let why = fails(&plan)?;
        Some((plan, why))
    }) {
        found = smaller;
    }
    Some(found)
}

#[test]
fn what_does_not_matter_is_taken_out() {
    use super::plan::Fault;
    // A protocol that would fail if a cut of node 3 and a loss came together.
    let fails = |plan: &Plan| {
        let cut = plan.faults.iter().any(|fault| matches!(fault, Fault::Cut { node: 3, .. }));
        (cut && plan.loss > 0).then(|| "lost".to_owned())
    };
    let plan = (0..).map(Plan::of).find(|plan| plan.faults.len() >= 4 && fails(plan).is_some()).unwrap();
    let (least, why) = smallest(plan, fails).unwrap();
    assert_eq!(why, "lost");
    let rates = [least.twice, least.stuck, least.delay, least.drift];
    assert!(least.loss > 0 && rates == [0; 4], "{least}");
    assert!(matches!(least.faults[..], [Fault::Cut { node: 3, .. }]), "{least}");
    assert_eq!(smallest(Plan::of(1), |_| None), None);
}
