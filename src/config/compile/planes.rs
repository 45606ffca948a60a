//! The two addresses the gateway listens on.

use std::net::SocketAddr;

use super::{Check, below, conflict, files, invalid, missing, policies::time, url};
use crate::config::{
    places::Step,
    problem::Problem,
    settings::{Admin, Cors, Server, Tls},
    shape,
};

/// The flags that override the addresses.
const LISTEN: &str = "--listen";
const ADMIN_LISTEN: &str = "--admin-listen";

/// Reads the section `server`.
pub(super) fn server(check: &mut Check<'_>, file: &shape::File) -> Option<Server> {
    let default = shape::Server::default();
    let given = file.server.as_ref().unwrap_or(&default);
    let path = [Step::Key("server")];
    let own = address(check, &path, given.listen.as_deref(), 8080);
    let listen = check.over.listen.or(own);
    if let Some(listen) = listen
        && !listen.ip().is_loopback()
        && !check.given(&[Step::Key("clients")])
    {
        let flag = check.over.listen.map(|_| LISTEN);
        let problem = missing("anyone who reaches this address could spend your keys")
            .expect("a list `clients`, or a loopback address such as 127.0.0.1:8080")
            .help("add `clients: [{ name: team-a, key: \"${TEAM_A_KEY}\" }]`");
        refuse_listen(check, "server", flag, problem);
    }
    let tls = match &given.tls {
        None => Some(None),
        Some(keys) => tls(check, &below(&path, "tls"), keys).map(Some),
    };
    let cors = cors(check, &below(&path, "cors"), given.cors.as_ref());
    Some(Server {
        cors: cors?,
        listen: listen?,
        workers: given.workers.unwrap_or(0) as usize,
        max_body: given.max_body.map_or(32 << 20, |size| size.0),
        request_timeout: time(given.request_timeout, 600_000),
        shutdown_grace: time(given.shutdown_grace, 30_000),
        tls: tls?,
    })
}

fn cors(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: Option<&shape::List<String>>,
) -> Option<Cors> {
    let Some(list) = given else {
        return (!check.given(path)).then(|| Cors::Of(Vec::new()));
    };
    let mut origins = Some(Vec::new());
    let mut any = false;
    for (index, text) in list.iter() {
        let mut at = path.to_vec();
        at.push(Step::Item(index));
        if text == "*" {
            any = true;
            if !check.given(&[Step::Key("clients")]) {
                check.refuse(
                    &at,
                    missing("any web page that somebody here looks at could spend your keys")
                        .expect("a list `clients`, or the origins of your own pages")
                        .help("write an origin such as http://localhost:3000"),
                );
                origins = None;
            }
            continue;
        }
        match url::origin(text) {
            Ok(origin) => origins.iter_mut().for_each(|it| it.push(origin.clone())),
            Err(problem) => {
                check.refuse(&at, problem);
                origins = None;
            }
        }
    }
    let origins = origins.filter(|_| list.is_whole())?;
    Some(if any { Cors::Any } else { Cors::Of(origins) })
}

fn tls(check: &mut Check<'_>, path: &[Step<'_>], given: &shape::Tls) -> Option<Tls> {
    let cert = given.cert.as_deref();
    let cert = cert.map(|name| files::certificates(check, &below(path, "cert"), name));
    let key = given.key.as_deref();
    let key = key.map(|name| files::private_key(check, &below(path, "key"), name));
    Some(Tls {
        cert: cert?.ok()?,
        key: key?.ok()?,
    })
}

/// Reads the section `admin`.
pub(super) fn admin(check: &mut Check<'_>, file: &shape::File) -> Option<Admin> {
    let default = shape::Admin::default();
    let given = file.admin.as_ref().unwrap_or(&default);
    let path = [Step::Key("admin")];
    let own = address(check, &path, given.listen.as_deref(), 8081);
    let listen = check.over.admin_listen.or(own);
    let token = files::secret(
        check,
        &path,
        ("token", given.token.as_deref()),
        ("token_file", given.token_file.as_deref()),
    );
    if let (Some(listen), Ok(None)) = (listen, &token)
        && !listen.ip().is_loopback()
    {
        let flag = check.over.admin_listen.map(|_| ADMIN_LISTEN);
        let problem = missing("anyone who reaches this address could watch and steer the gateway")
            .expect("a `token`, or a loopback address such as 127.0.0.1:8081")
            .help("add `token: ${BREAKERBOX_ADMIN_TOKEN}`");
        refuse_listen(check, "admin", flag, problem);
    }
    Some(Admin {
        listen: listen?,
        token: token.ok()?,
    })
}

/// Refuses one address for both planes.
pub(super) fn apart(check: &mut Check<'_>, server: SocketAddr, admin: SocketAddr) {
    let (a, b) = (server.ip(), admin.ip());
    let overlap = a == b || a.is_unspecified() || b.is_unspecified();
    if overlap && server.port() == admin.port() && server.port() != 0 {
        let over = check.over;
        let (key, flag) = if over.admin_listen.is_some() {
            ("admin", Some(ADMIN_LISTEN))
        } else if over.listen.is_some() {
            ("server", Some(LISTEN))
        } else if check.given(&[Step::Key("admin"), Step::Key("listen")]) {
            ("admin", None)
        } else {
            ("server", None)
        };
        let problem = conflict("both planes would listen here");
        let problem = problem.expect("different ports for server and admin");
        refuse_listen(check, key, flag, problem);
    }
}

/// Refuses the address of the section `key`: at its place in the file, unless
/// it comes from a flag.
fn refuse_listen(check: &mut Check<'_>, key: &str, flag: Option<&str>, problem: Problem) {
    match flag {
        Some(flag) => check.problems.push(problem.given_by(flag)),
        None => check.refuse(&[Step::Key(key), Step::Key("listen")], problem),
    }
}

fn address(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: Option<&str>,
    port: u16,
) -> Option<SocketAddr> {
    let at = below(path, "listen");
    let Some(text) = given else {
        // Given but broken: reported already.
        return (!check.given(&at)).then(|| SocketAddr::from(([127, 0, 0, 1], port)));
    };
    let problem = match text.parse() {
        Ok(address) => return Some(address),
        Err(_) => invalid("this is not an address to listen on").expect(&format!(
            "an IP address and a port, such as 127.0.0.1:{port}"
        )),
    };
    let advice = match text.rsplit_once(':') {
        Some(("localhost", port)) => format!("write 127.0.0.1:{}", digits(port)),
        Some(("" | "*", port)) => {
            format!(
                "write 0.0.0.0:{} to listen on every interface",
                digits(port)
            )
        }
        Some((_, port)) if port.parse::<u16>().is_err() => {
            "the port goes from 0 to 65535".to_owned()
        }
        Some((host, _)) if host.contains(':') => {
            "put an IPv6 address in brackets: [::1]:8080".to_owned()
        }
        Some(_) => "names are not looked up: write the IP address".to_owned(),
        None => "add a port".to_owned(),
    };
    let problem = match check.has_variable(&at) {
        true => problem.help("look at the value of the variable"),
        false => problem.help(&advice),
    };
    check.refuse(&at, problem);
    None
}

fn digits(port: &str) -> &str {
    match port.parse::<u16>() {
        Ok(_) => port,
        Err(_) => "8080",
    }
}
