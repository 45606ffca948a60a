//! What we lean on in actix, and what we work around: should a new version
//! change one of these, we hear of it here first.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use actix::{dev::ContextFut, prelude::*};
use tokio::sync::oneshot;

use super::support::{MS, SECOND, begin};

#[derive(Clone, Default)]
struct Counts {
    started: Arc<AtomicUsize>,
    restarting: Arc<AtomicUsize>,
    ticks: Arc<AtomicUsize>,
    replies: Arc<AtomicUsize>,
}

fn get(count: &AtomicUsize) -> usize {
    count.load(Ordering::SeqCst)
}

fn add(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::SeqCst);
}

/// Re-arms one timer at every message, as our actors once did.
#[derive(Default)]
struct Subject {
    counts: Counts,
    handled: usize,
    timer: Option<SpawnHandle>,
}

impl Subject {
    fn arm(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let later = ctx.run_later(SECOND, |this, _| add(&this.counts.ticks));
        self.timer = Some(later);
    }
}

impl Actor for Subject {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        add(&self.counts.started);
        self.arm(ctx);
    }
}

impl Supervised for Subject {
    fn restarting(&mut self, _: &mut Context<Self>) {
        add(&self.counts.restarting);
        self.timer = None;
    }
}

#[derive(Message)]
#[rtype(result = "usize")]
enum Do {
    Count,
    Arm,
    Panic,
    Stop,
}

impl Handler<Do> for Subject {
    type Result = usize;

    fn handle(&mut self, order: Do, ctx: &mut Context<Self>) -> usize {
        self.handled += 1;
        match order {
            Do::Count => {}
            Do::Arm => self.arm(ctx),
            Do::Panic => panic!("as ordered"),
            Do::Stop => ctx.stop(),
        }
        self.handled
    }
}

/// A message whose reply takes a second.
#[derive(Message)]
#[rtype(result = "()")]
struct Slow;

impl Handler<Slow> for Subject {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Slow, _: &mut Context<Self>) -> Self::Result {
        let replies = self.counts.replies.clone();
        Box::pin(async move {
            tokio::time::sleep(SECOND).await;
            add(&replies);
        })
    }
}

/// Restarts the context after a panic, and nothing more.
struct Restarter(ContextFut<Subject, Context<Subject>>);

impl Future for Restarter {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        loop {
            let life = &mut self.0;
            let ended = catch_unwind(AssertUnwindSafe(|| Pin::new(life).poll(cx)));
            if let Ok(Poll::Pending) = ended {
                return Poll::Pending;
            }
            if !self.0.restart() {
                return Poll::Ready(());
            }
        }
    }
}

fn restarted(counts: &Counts) -> Addr<Subject> {
    let context = Context::new();
    let addr = context.address();
    let subject = Subject {
        counts: counts.clone(),
        ..Subject::default()
    };
    actix_rt::spawn(Restarter(context.into_future(subject)));
    addr
}

/// Why there is `supervise.rs`.
#[actix::test]
async fn actix_s_own_supervisor_does_not_survive_a_panic() {
    let addr = Supervisor::start(|_| Subject::default());
    assert_eq!(addr.send(Do::Count).await, Ok(1));
    assert_eq!(addr.send(Do::Stop).await, Ok(2));
    assert_eq!(addr.send(Do::Count).await, Ok(3), "it does survive a stop");
    let fatal = addr.send(Do::Panic);
    let behind = addr.send(Do::Count);
    assert_eq!(fatal.await, Err(MailboxError::Closed));
    assert_eq!(
        behind.await,
        Err(MailboxError::Closed),
        "and takes its mail along"
    );
    assert!(!addr.connected());
}

/// What `supervise.rs` leans on.
#[actix::test]
async fn a_context_can_be_restarted_after_a_panic_with_address_and_mail() {
    let counts = Counts::default();
    let addr = restarted(&counts);
    let fatal = addr.send(Do::Panic);
    let behind = addr.send(Do::Count);
    assert_eq!(
        fatal.await,
        Err(MailboxError::Closed),
        "only this one is lost"
    );
    assert_eq!(behind.await, Ok(2), "the same object");
    assert_eq!((get(&counts.started), get(&counts.restarting)), (2, 1));
}

#[actix::test]
async fn a_restart_ends_the_futures_of_the_life_before() {
    tokio::time::pause();
    let counts = Counts::default();
    let addr = restarted(&counts);
    assert_eq!(addr.send(Do::Count).await, Ok(1));
    tokio::time::sleep(500 * MS).await;
    assert!(addr.send(Do::Panic).await.is_err());
    tokio::time::sleep(900 * MS).await;
    assert_eq!(get(&counts.ticks), 0, "the old timer is gone");
    tokio::time::sleep(200 * MS).await;
    assert_eq!(get(&counts.ticks), 1, "the new one is not");
}

/// Why there is `alarm.rs`: a cancellation outlives the life that ordered it,
/// and handles are counted from the start again.
#[actix::test]
async fn a_cancellation_left_over_by_a_panic_hits_the_next_life() {
    tokio::time::pause();
    let counts = Counts::default();
    let addr = restarted(&counts);
    addr.try_send(Do::Panic).expect("an actor");
    addr.try_send(Do::Arm).expect("an actor");
    addr.try_send(Do::Panic).expect("an actor");
    assert_eq!(addr.send(Do::Count).await, Ok(4));
    assert_eq!(get(&counts.started), 3);
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(
        get(&counts.ticks),
        0,
        "fixed in actix? then alarm.rs may go"
    );
}

/// Why `router/waiting.rs` takes the sender of the reply itself.
#[actix::test]
async fn a_reply_under_way_does_not_end_with_its_asker() {
    tokio::time::pause();
    let counts = Counts::default();
    let addr = restarted(&counts);
    let mut asked = Box::pin(addr.send(Slow));
    assert!(begin(asked.as_mut()).await.is_pending());
    addr.send(Do::Count).await.expect("handled by now");
    drop(asked);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(get(&counts.replies), 1);
}

/// Why an asker that leaves early costs nothing.
#[actix::test]
async fn a_message_whose_asker_left_before_its_turn_is_not_handled() {
    let addr = restarted(&Counts::default());
    drop(addr.send(Do::Count));
    assert_eq!(addr.send(Do::Count).await, Ok(1));
}

/// Why a full mailbox is nothing we count on or have to care for.
#[actix::test]
async fn a_mailbox_without_bound_refuses_nobody_and_a_closed_one_everybody() {
    let (sender, receiver) = actix::dev::channel::channel(0);
    let context = Context::with_receiver(receiver);
    let addr: Addr<Subject> = Addr::new(sender);
    for _ in 0..10_000 {
        addr.try_send(Do::Count).expect("no bound");
    }
    drop(context.into_future(Subject::default()));
    assert!(!addr.connected());
    addr.try_send(Do::Count).expect_err("closed");
}

/// Why `Target` must let go of its office for its actor to end.
#[actix::test]
async fn an_actor_ends_with_its_last_address_but_not_before_its_futures() {
    tokio::time::pause();
    let counts = Counts::default();
    let addr = restarted(&counts);
    addr.send(Do::Count).await.expect("handled");
    drop(addr);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(get(&counts.ticks), 1, "the timer kept it alive");
    let weak = restarted(&counts).downgrade();
    tokio::time::sleep(5 * SECOND).await;
    assert!(weak.upgrade().is_none());
}

/// Why the guardian takes a closed mailbox for a dead arbiter or supervisor.
#[actix::test]
async fn an_arbiter_that_ends_closes_its_mailboxes() {
    let arbiter = Arbiter::new();
    let addr = Subject::start_in_arbiter(&arbiter.handle(), |_| Subject::default());
    assert_eq!(addr.send(Do::Count).await, Ok(1));
    assert!(arbiter.handle().alive());
    let handle = arbiter.handle();
    arbiter.stop();
    arbiter.join().expect("its end");
    assert!(!addr.connected() && !handle.alive());
}

#[actix::test]
async fn a_panic_ends_a_task_not_its_arbiter() {
    let arbiter = Arbiter::new();
    let bystander = Subject::start_in_arbiter(&arbiter.handle(), |_| Subject::default());
    let (sent, lost) = oneshot::channel::<()>();
    arbiter.spawn(async move {
        let _held = sent;
        panic!("as ordered");
    });
    lost.await.expect_err("the task is over");
    assert_eq!(bystander.send(Do::Count).await, Ok(1));
    arbiter.stop();
}

/// Why all actors can stand on one paused clock in tests.
#[actix::test]
async fn actors_on_the_current_arbiter_share_its_paused_clock() {
    tokio::time::pause();
    let counts = Counts::default();
    let theirs = counts.clone();
    let _addr = Subject::start_in_arbiter(&Arbiter::current(), move |_| Subject {
        counts: theirs,
        ..Subject::default()
    });
    tokio::time::sleep(1_500 * MS).await;
    assert_eq!(get(&counts.ticks), 1);
}
