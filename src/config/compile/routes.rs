//! Which models serve the model `auto`.

use std::sync::Arc;

use super::{Check, below, conflict, invalid, missing, models};
use crate::config::{
    places::Step,
    settings::{AUTO, Priority, Route, is_task},
    shape,
};

/// Reads the list `routes`.
pub(super) fn routes(check: &mut Check<'_>, file: &shape::File) -> Option<Vec<Route>> {
    let Some(list) = &file.routes else {
        return (!check.given(&[Step::Key("routes")])).then(Vec::new);
    };
    let served = models::served(check, file);
    let mut sound = list.is_whole();
    let named = file.models.iter().flat_map(shape::List::iter);
    let mut named = named.filter_map(|(_, model)| model.name.as_deref());
    if !list.is_empty() && (served.known.contains(AUTO) || named.any(|name| name == AUTO)) {
        let problem = conflict("a model is called `auto`, which is what routes serve");
        let problem = problem.expect("another name for that model, or no routes");
        check.refuse(&[Step::Key("routes")], problem);
        sound = false;
    }
    let mut out: Vec<(usize, Route)> = Vec::new();
    for (index, given) in list.iter() {
        let path = [Step::Key("routes"), Step::Item(index)];
        let Some(route) = route(check, &path, given, &served) else {
            sound = false;
            continue;
        };
        sound &= reached(check, &path, &route, &out);
        out.push((check.line(&path), route));
    }
    let out = out.into_iter().map(|(_, route)| route).collect();
    sound.then_some(out)
}

fn route(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::Route,
    served: &models::Served,
) -> Option<Route> {
    let task = task(check, path, given);
    let models = models(check, path, given, served);
    // A broken priority must not count as any.
    let priority = match given.priority {
        None if check.given(&below(path, "priority")) => return None,
        priority => priority.map(|priority| match priority {
            shape::Priority::Fast => Priority::Fast,
            shape::Priority::Normal => Priority::Normal,
            shape::Priority::High => Priority::High,
        }),
    };
    Some(Route {
        task: task?,
        priority,
        models: models?,
    })
}

/// The outer `None` means that something is wrong.
fn task(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::Route,
) -> Option<Option<Arc<str>>> {
    let at = below(path, "task");
    let Some(task) = given.task.as_deref() else {
        return (!check.given(&at)).then_some(None);
    };
    if !is_task(task) {
        let problem = invalid("this task cannot come in a header");
        check.refuse(
            &at,
            problem.expect("1 to 64 visible ASCII characters without spaces"),
        );
        return None;
    }
    Some(Some(task.into()))
}

fn models(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::Route,
    served: &models::Served,
) -> Option<Vec<Arc<str>>> {
    let list = given.models.as_ref()?;
    let path = below(path, "models");
    if list.is_empty() {
        let problem = missing("this route leads nowhere").expect("one model or more");
        check.refuse(&path, problem);
        return None;
    }
    let mut out: Vec<Arc<str>> = Vec::new();
    let mut sound = list.is_whole();
    for (index, name) in list.iter() {
        let mut at = path.clone();
        at.push(Step::Item(index));
        let problem = if out.iter().any(|other| **other == **name) {
            conflict("this model is in the list already").expect("each model once")
        } else if !served.known.contains(name) && served.whole {
            served.unknown(check, &at, name)
        } else {
            out.push(name.as_str().into());
            continue;
        };
        check.refuse(&at, problem);
        sound = false;
    }
    sound.then_some(out)
}

/// Refuses a route that those before it, each with its line, leave nothing to.
fn reached(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    route: &Route,
    before: &[(usize, Route)],
) -> bool {
    let takes_it = |other: &Route, priority| {
        let task = other.task.is_none() || other.task == route.task;
        task && other.priority.is_none_or(|own| own == priority)
    };
    let own = Priority::ALL
        .into_iter()
        .filter(|priority| route.priority.is_none_or(|only| only == *priority));
    let mut lines: Vec<String> = Vec::new();
    for priority in own {
        let Some((line, _)) = before.iter().find(|(_, it)| takes_it(it, priority)) else {
            return true;
        };
        let line = line.to_string();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let lines = match lines.as_slice() {
        [one] => format!("the route in line {one} takes"),
        many => format!("the routes in lines {} take", many.join(", ")),
    };
    let problem = conflict("this route can never match")
        .expect("a task and priority that no route before it takes")
        .help(&format!("{lines} every such request; put this one before"));
    check.refuse(path, problem);
    false
}
