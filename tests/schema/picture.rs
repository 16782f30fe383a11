//! The sum of the versions equals the picture that is kept in the repository.

use super::{folder, fresh, inventory, to};

#[tokio::test]
async fn the_schema_is_the_declared_one() {
    let (_turn, target) = fresh().await;
    to(&target, &folder(), "1.1.0").await.unwrap();
    let there = inventory(&target).await;
    let mut lines: Vec<String> = Vec::new();
    for item in &there.constraints {
        lines.push(format!(
            "constraint {} {} {:?} {:?}",
            item.name, item.kind, item.labels_or_types, item.properties
        ));
    }
    for item in
        there.indexes.iter().filter(|index| index.owning_constraint.is_none() && index.kind != "LOOKUP")
    {
        lines.push(format!(
            "index {} {} {:?} {:?}",
            item.name, item.kind, item.labels_or_types, item.properties
        ));
    }
    let declared = include_str!("1.1.0.txt");
    assert_eq!(lines.join("\n"), declared.trim_end());
}
