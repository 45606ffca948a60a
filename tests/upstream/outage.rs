//! Everything dead for a while, then healed: meanwhile 503 with Retry-After in 5 ms, and the first success
//! comes 1.5 s after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use breakerbox_actors::clock;

use super::front::{Door, Front};
use super::scene::{Crowd, NO_PINGS, Shot, alone, house, quantile, well};
use crate::support::chat::{error_code, response};
use crate::support::evil::{Act, Evil};

/// The promise's 30 s; recovery timeouts shrink with them.
const DEAD: Duration = Duration::from_secs(5);
const BREAKER: &str = "breaker: { recovery_timeout: 10s, max_recovery_timeout: 50s }";
const GAP: Duration = Duration::from_millis(10);

/// How an endpoint is dead.
#[derive(Clone, Copy)]
enum Death {
    Refused,
    Reset,
    Error,
    Truncated,
}

fn mortal(dead: &Arc<AtomicBool>, death: Death) -> Evil {
    let dead = Arc::clone(dead);
    Evil::start(move |_, _| {
        if !dead.load(Ordering::Relaxed) {
            return well(Duration::ZERO);
        }
        match death {
            Death::Refused => unreachable!("its door is shut"),
            Death::Reset => vec![Act::Rst],
            Death::Error => vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive],
            Death::Truncated => vec![Act::text("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{")],
        }
    })
}

#[tokio::test]
async fn quick_refusals_and_a_quick_return() {
    let _alone = alone().await;
    for pings in [NO_PINGS, ""] {
        let dead = Arc::new(AtomicBool::new(true));
        let shut = mortal(&dead, Death::Refused);
        let front = Front::start(shut.addr());
        front.set(Door::Shut);
        let deaths = [Death::Reset, Death::Error, Death::Truncated];
        let evils = deaths.map(|death| mortal(&dead, death));
        let mut urls = vec![("shut", front.base_url())];
        let others = ["reset", "error", "truncated"].into_iter().zip(&evils);
        urls.extend(others.map(|(name, evil)| (name, evil.base_url())));
        let house = house(urls, &[pings, BREAKER]);
        let crowd = Crowd::new(&house);
        let switch = {
            let dead = Arc::clone(&dead);
            tokio::spawn(async move {
                tokio::time::sleep(DEAD).await;
                dead.store(false, Ordering::Relaxed);
                front.set(Door::Open);
                clock::now()
            })
        };
        let shots = crowd.fire(GAP, DEAD + Duration::from_secs(2)).await;
        let healed = switch.await.expect("the switch");

        let meanwhile: Vec<&Shot> = shots.iter().filter(|s| s.began + s.took < healed).collect();
        // Those that opened the circuits saw the failures themselves.
        let (opening, refused) = meanwhile.split_at(20);
        assert!(opening.iter().all(|shot| !shot.ok()));
        for shot in refused {
            assert_eq!(shot.answer.status(), 503, "{}", shot.answer.text());
            assert_eq!(error_code(&shot.answer), "no_endpoint_available");
            let wait: u64 = shot.header("retry-after").parse().expect("whole seconds");
            assert!((1..=60).contains(&wait), "{wait}");
        }
        // Two at three quarters of the time are the machine's own noise.
        let usual = quantile(refused.iter().copied(), 0.75);
        assert!(usual <= Duration::from_millis(5), "{usual:?}");

        let back = shots.iter().find(|shot| shot.ok());
        let back = back.expect("it comes back");
        let after = (back.began + back.took).saturating_duration_since(healed);
        assert!(after <= Duration::from_millis(1_500), "{after:?}");
    }
}
