use super::*;
use crate::metrics::recorder::Value;

/// The lag that is shown of the only worker there is.
fn shown(recorder: &Recorder) -> Option<f64> {
    let mut lag = None;
    recorder.visit(|key, place| match place.read() {
        Some(Value::Real(value)) if key.name() == LOOP_LAG.name => lag = Some(value),
        _ => {}
    });
    lag
}

async fn pass(time: Duration) {
    tokio::time::advance(time).await;
    tokio::task::yield_now().await;
}

#[test]
fn a_loop_that_stood_still_for_a_moment_has_that_lag_and_later_none() {
    let recorder = Recorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let measured = async {
        tokio::spawn(lag_of(0));
        tokio::task::yield_now().await;
        // Time that passes in one leap is time in which the loop did nothing.
        pass(LAG_EVERY + Duration::from_millis(340)).await;
        let mut lags = Vec::new();
        for _ in 0..2 {
            for _ in 0..9 {
                pass(LAG_EVERY).await;
            }
            lags.push(shown(&recorder));
            pass(LAG_EVERY).await;
        }
        lags
    };
    let lags = metrics::with_local_recorder(&recorder, || runtime.block_on(measured));
    let [Some(stuck), Some(free)] = lags[..] else {
        panic!("{lags:?}");
    };
    assert!((0.340..0.345).contains(&stuck), "{stuck}");
    assert!(free < 0.005, "{free}");
}
