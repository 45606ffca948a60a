//! A reload of any key is applied, down to what requests use, or refused by name.

use std::path::Path;

use breakerbox_actors::{engine::Engine, spec::Spec};

use super::{
    keys::{Case, cases, files, prepared, put},
    *,
};
use crate::app::{Gateway, NotReloaded};

/// What only a restart can change, and by which name that is refused.
const START_ONLY: [(&str, &str); 5] = [
    ("server.listen", "server.listen"),
    ("server.workers", "server.workers"),
    ("server.tls.cert", "server.tls"),
    ("server.tls.key", "server.tls"),
    ("admin.listen", "admin.listen"),
];

/// The configuration in which the key has `value`; what it does not say itself fits on any machine.
fn config(folder: &Path, case: &Case, value: &Value) -> Config {
    let mut document = prepared(case, value);
    for (at, value) in [
        ("/server/listen", json!("127.0.0.1:0")),
        ("/admin/listen", json!("127.0.0.1:0")),
        ("/server/workers", json!(1)),
    ] {
        if document.pointer(at).is_none_or(Value::is_null) {
            put(&mut document, at, value);
        }
    }
    let path = folder.join("breakerbox.yaml");
    std::fs::write(&path, document.to_string()).unwrap();
    load(&path, &env(&[])).unwrap_or_else(|problems| panic!("{problems}\n{document:#}"))
}

/// Fails unless the engine runs `spec`.
async fn runs(engine: &Engine, spec: &Spec, key: &str) {
    let table = engine.table();
    assert_eq!(table.targets().count(), spec.targets.len(), "{key}");
    for target in &spec.targets {
        let seen = engine.observe(&target.id).await;
        assert_eq!(seen.map(|it| it.policy), Some(target.policy), "{key}");
        let plan = table.plan(target.id.model()).unwrap();
        let mut entries = plan.entries();
        let entry = entries.find(|it| *it.target.id() == target.id);
        assert_eq!(entry.map(|it| it.price), Some(target.price), "{key}");
    }
    assert_eq!(table.routes().count(), spec.routes.len(), "{key}");
    for (model, fallbacks) in &spec.fallbacks {
        let tiers = &table.plan(model).unwrap().tiers;
        let names: Vec<_> = tiers.iter().skip(1).map(|it| it.model.clone()).collect();
        assert_eq!(names, *fallbacks, "{key}");
    }
    let shown = format!("{table:?}");
    for part in [
        format!("strategy: {:?}", spec.strategy),
        format!("max_waiting: {}", spec.max_waiting),
    ] {
        assert!(shown.contains(&part), "{key}: {part}");
    }
}

#[test]
fn every_key_is_applied_by_a_reload_or_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let (start_only, reloaded): (Vec<_>, Vec<_>) = cases()
        .into_iter()
        .partition(|case| START_ONLY.iter().any(|(key, _)| *key == case.key));
    assert_eq!(start_only.len(), START_ONLY.len());
    actix_rt::System::new().block_on(async {
        for mut case in start_only {
            if case.at.ends_with("/listen") {
                // A port that may be taken is not listened on.
                case.from = json!("127.0.0.1:0");
            }
            let before = config(folder.path(), &case, &case.from);
            let after = config(folder.path(), &case, &case.to);
            let gateway = Gateway::start(before.clone(), None).await.unwrap();
            let refused = gateway.reload(after).await.unwrap_err();
            let (_, name) = START_ONLY.iter().find(|(key, _)| *key == case.key).unwrap();
            assert!(
                matches!(&refused, NotReloaded::StartOnly(keys) if keys.len() == 1 && keys[0].key == *name),
                "{refused}"
            );
            assert_eq!(*gateway.generation().config, before, "{name}");
            gateway.stop().await;
        }
        let first = config(folder.path(), &reloaded[0], &reloaded[0].from);
        let gateway = Gateway::start(first, None).await.unwrap();
        for case in reloaded {
            // Another value than before, and the key before this one is back at its own.
            let config = config(folder.path(), &case, &case.to);
            let changes = gateway.reload(config.clone()).await.unwrap();
            assert!(!changes.is_empty(), "{} says nothing", case.key);
            let generation = gateway.generation();
            assert_eq!(*generation.config, config, "{}", case.key);
            runs(gateway.engine(), &generation.spec(), case.key).await;
        }
        gateway.stop().await;
    });
}
