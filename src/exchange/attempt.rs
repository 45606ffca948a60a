//! One attempt: send to one target, judge, settle, hand over.

use actix_web::{
    HttpResponse,
    http::{Method, StatusCode, header::ContentType},
    web::Bytes,
};
use breakerbox_actors::{
    clock,
    id::TargetId,
    lease::Lease,
    state::event::{FailureKind, Outcome, ProviderLimits},
};

use serde::de::IgnoredAny;

use super::{
    Exchange,
    answer::Story,
    flight::{Failed, Flight},
    held,
    outgoing::Outgoing,
    patience::Patience,
};
use crate::{
    dialect::{
        self, NotAnAnswer, Reported, judge_answer,
        translate::{self, Translation},
    },
    error::GatewayError,
    generation::Site,
    relay::{self, FirstFailure, InArray, Relay, StreamEnd},
    upstream::{
        Answer, AnswerHeaders, BodyError, Call, Deadlines, Evidence, MAX_ERROR_BODY, Refusal,
        SendError, Verdict, is_overload, judge, limits, retry_after, said, wants_body,
    },
    wall,
    worker::Closing,
};

/// The longest whole answer that is held for judging, in bytes.
pub(crate) const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// What came of an attempt.
pub(super) enum Tried {
    /// This is for the client: an answer, or the provider's word that the
    /// request is wrong.
    Answered(HttpResponse),
    /// The same, but said in the body of a 200.
    Reported(Reported),
    /// The request is wrong, and that has to be said in the client's dialect.
    Refused(GatewayError),
    /// The endpoint failed before the client saw a byte.
    Failed(Failed),
    /// The request's own time was over first.
    OutOfTime(Failed),
    /// The answers of other requests take all memory there is for answers.
    NoRoom,
}

impl Exchange<'_> {
    /// Sends the request to the lease's target, waits as long for its first
    /// byte as `patience` says, and settles the lease.
    pub(super) async fn attempt(
        &self,
        lease: Lease,
        patience: Patience,
        story: &mut Story,
    ) -> Tried {
        // Of the generation in force, which is put there before the table that a
        // lease comes from; or of the one before, while that table still is.
        let generation = self.worker.generation();
        let former;
        let site = match generation.site(lease.id()) {
            Some(site) => Some(site),
            None => {
                former = generation.former_site(lease.id());
                former.as_ref()
            }
        };
        let Some(site) = site else {
            // Gone for longer than that: as good as not picked.
            return Tried::Failed(Failed::reloaded(unsent(lease)));
        };
        let may_be_marked = generation.translates(self.intake.peek.api);
        let outgoing = match self.incoming.to(site, &self.intake.peek, may_be_marked) {
            Ok(Some(outgoing)) => outgoing,
            // Its provider changed between pick and here.
            Ok(None) => return Tried::Failed(Failed::reloaded(unsent(lease))),
            Err(bad) => {
                unsent(lease);
                // Nobody was asked.
                story.attempts -= 1;
                return Tried::Refused(bad.into());
            }
        };
        let mut flight = Flight::new(lease, site.clone(), &self.intake);
        story.sets_out(&flight);
        story.lost(&outgoing.lost);
        let began = clock::now();
        let sent = self.send(site, &outgoing, patience).await;
        story.waited(began);
        let answer = match sent {
            Ok(answer) => answer,
            Err(SendError::Deadline) => return self.too_slow(flight, patience),
            Err(error) => {
                let failed = flight.fail(error.label(), error.outcome());
                return Tried::Failed(failed.saying(&error.to_string()));
            }
        };
        let now = wall::now();
        flight.learn(limits::read(&answer.headers, now));
        // A failure all the same; and asking again before would be another.
        if (answer.status == StatusCode::SERVICE_UNAVAILABLE
            || is_overload(answer.status, outgoing.sent.dialect()))
            && let Some(wait) = retry_after::asked(&answer.headers, now)
        {
            flight.pauses(wait);
        }
        if !answer.status.is_success() {
            // Boxed, what is seldom or long is no part of every request.
            return Box::pin(self.refused(flight, answer, &outgoing, patience, story)).await;
        }
        let evidence = Evidence {
            status: answer.status,
            headers: &answer.headers,
            framing: answer.body.framing(),
            body: &[],
            now,
        };
        match judge(&evidence) {
            Verdict::Elsewhere(outcome) => {
                let word = evidence.flaw().unwrap_or("malformed");
                Tried::Failed(flight.fail(word, outcome))
            }
            _ if self.intake.peek.stream => {
                Box::pin(self.stream(flight, answer, &outgoing, patience, story)).await
            }
            _ => {
                flight.head_came();
                self.whole(flight, answer, &outgoing, patience, story).await
            }
        }
    }

    async fn send(
        &self,
        site: &Site,
        outgoing: &Outgoing<'_>,
        patience: Patience,
    ) -> Result<Answer, SendError> {
        let routing = &self.generation.config.routing;
        let peek = &self.intake.peek;
        let [own, wanted] = outgoing.lines;
        let call = Call {
            origin: &site.origin,
            method: Method::POST,
            path: outgoing.path,
            headers: &[own, wanted, &site.lines],
            body: outgoing.body.clone(),
            deadlines: Deadlines {
                connect: routing.connect_timeout,
                first_byte: routing.first_byte_timeout,
                idle: routing.idle_timeout,
                head: Some(patience.until()).filter(|_| peek.stream || patience.gives_way()),
                // A stream that keeps talking may outlive the request's
                // deadline; until its first event it may not.
                total: Some(self.intake.deadline).filter(|_| !peek.stream),
            },
        };
        self.worker.client.send(call).await
    }

    /// Ends an attempt that has not spoken, or not finished, in time.
    fn too_slow(&self, flight: Flight, patience: Patience) -> Tried {
        let now = clock::now();
        if now >= self.intake.deadline {
            return Tried::OutOfTime(flight.late("deadline", patience.verdict(now)));
        }
        Tried::Failed(match patience.is_its_own_fault(now) {
            true => flight.late("first_byte_timeout", Outcome::Failure(FailureKind::Timeout)),
            false => flight.late("gave_way", patience.verdict(now)),
        })
    }

    /// Handles an answer that is no success.
    async fn refused(
        &self,
        flight: Flight,
        answer: Answer,
        outgoing: &Outgoing<'_>,
        patience: Patience,
        story: &mut Story,
    ) -> Tried {
        let Answer {
            status,
            headers,
            mut body,
            ..
        } = answer;
        let mut start = Bytes::new();
        if wants_body(status) {
            let began = clock::now();
            let reading = body.peek(MAX_ERROR_BODY);
            let read = tokio::time::timeout_at(self.intake.deadline.into(), reading).await;
            story.waited(began);
            match read {
                Ok(read) => start = read,
                Err(_) => return self.too_slow(flight, patience),
            }
        }
        let verdict = judge(&Evidence {
            status,
            headers: &headers,
            framing: body.framing(),
            body: &start,
            now: wall::now(),
        });
        if let Verdict::Elsewhere(outcome) = verdict {
            let said = said(status, &flight.site().redaction.bytes(start));
            let failed = flight.fail(outcome.label(), outcome).saying(&said);
            return Tried::Failed(match is_overload(status, outgoing.sent.dialect()) {
                true => failed.for_overload(retry_after::asked(&headers, wall::now())),
                false => failed,
            });
        }
        match body.failure() {
            Some(BodyError::Deadline) => return self.too_slow(flight, patience),
            // Cut off in the middle of saying why: not an answer to pass on.
            Some(error) => {
                let (label, outcome) = (error.label(), error.outcome());
                return Tried::Failed(flight.fail(label, outcome));
            }
            None => {}
        }
        let site = flight.site().clone();
        story.tab.ends(flight.settle(Outcome::ClientFault, None));
        if outgoing.is_translated {
            let refusal = Refusal::read(&site.redaction.bytes(start));
            return Tried::Refused(GatewayError::Rejected {
                status: status.as_u16(),
                refusal: refusal.to_client_of(self.intake.peek.api),
            });
        }
        let mut response = story.tell(status, &headers);
        Tried::Answered(match body.whole() {
            Some(whole) => response.body(site.redaction.bytes(whole)),
            // A long one, such as a 422 that repeats the prompt.
            None => response.streaming(site.redaction.stream(body)),
        })
    }

    /// Handles a whole answer: nothing is passed on before it has proved good.
    async fn whole(
        &self,
        flight: Flight,
        answer: Answer,
        outgoing: &Outgoing<'_>,
        patience: Patience,
        story: &mut Story,
    ) -> Tried {
        let Answer {
            status,
            headers,
            body,
            ..
        } = answer;
        let began = clock::now();
        let mut held = self.worker.shared.answers.enter();
        let collected = body.collect_within(MAX_ANSWER, |n| held.grow(n)).await;
        story.waited(began);
        let body = match collected {
            Ok(body) => body,
            Err(BodyError::Deadline) => return self.too_slow(flight, patience),
            Err(BodyError::NoRoom) => return Tried::NoRoom,
            Err(error) => return Tried::Failed(flight.fail(error.label(), error.outcome())),
        };
        let asked = self.intake.peek.api;
        match judge_answer(outgoing.sent, &body) {
            Ok(usage) => {
                let body = match outgoing.is_translated {
                    true => {
                        let (sent, context) = (outgoing.sent, &outgoing.context);
                        let (own, now) = (story.who().id(), wall::unix_seconds());
                        match translate::answer(sent, asked, context, &body, own, now) {
                            Ok(body) => body.into(),
                            // An answer to all but us is nobody's failure.
                            Err(_) => {
                                let outcome = Outcome::Cancelled;
                                return Tried::Failed(flight.fail("untranslatable", outcome));
                            }
                        }
                    }
                    false => body,
                };
                story.tab.ends(flight.settle(Outcome::Success, usage));
                let mut response = match outgoing.is_translated {
                    true => story.tell_translated(),
                    false => story.tell_whole(status, &headers),
                };
                Tried::Answered(response.body(held::body(body, held)))
            }
            // Most of what passes for an answer and is none is not even JSON.
            Err(NotAnAnswer::Malformed) if serde_json::from_slice::<IgnoredAny>(&body).is_err() => {
                let outcome = Outcome::Failure(FailureKind::Malformed);
                Tried::Failed(flight.fail("not_json", outcome))
            }
            Err(what) => no_answer(flight, what, story),
        }
    }

    /// Handles a stream: up to its first event another endpoint can still
    /// answer; from then on the relay settles the lease.
    async fn stream(
        &self,
        mut flight: Flight,
        answer: Answer,
        outgoing: &Outgoing<'_>,
        patience: Patience,
        story: &mut Story,
    ) -> Tried {
        let Answer {
            status,
            headers,
            body,
            ..
        } = answer;
        let peek = &self.intake.peek;
        let began = clock::now();
        let mut primed = relay::first(body, outgoing.sent, Some(patience.until())).await;
        if let Ok(begun) = primed {
            // What comes later than that is the model's own time.
            flight.first_byte();
            primed = match outgoing.is_translated {
                true => relay::until_said(begun, outgoing.sent).await,
                false => Ok(begun),
            };
        }
        story.waited(began);
        let primed = match primed {
            Ok(primed) => primed,
            Err(FirstFailure::Timeout) => return self.too_slow(flight, patience),
            Err(FirstFailure::NotAnAnswer(what)) => return no_answer(flight, what, story),
            Err(failure) => {
                let (label, outcome) = match &failure {
                    // In the words of an answer that is no stream.
                    FirstFailure::Upstream(error) => (error.label(), error.outcome()),
                    // A limit of our own is nobody's failure.
                    FirstFailure::TooLarge => (failure.label(), Outcome::Cancelled),
                    _ => (failure.label(), Outcome::Failure(FailureKind::Truncated)),
                };
                return Tried::Failed(flight.fail(label, outcome));
            }
        };
        let config = &self.generation.config;
        let (between_events, silence) =
            (config.server.request_timeout, config.routing.idle_timeout);
        let settings = relay::Settings {
            sent: outgoing.sent,
            asked: peek.api,
            forward_usage: peek.include_usage,
            keep_alive: relay::KEEP_ALIVE,
            // The body keeps that time itself.
            idle_timeout: None,
            // Never less than silence may last without a sign of life.
            event_timeout: between_events.max(silence),
        };
        let in_flight = story.hand_over();
        let redaction = flight.site().redaction.clone();
        let who = story.who().clone();
        let note = story.hand_over_note();
        let mut tab = std::mem::take(&mut story.tab);
        let finish = move |end: StreamEnd, usage: Option<dialect::Usage>| {
            if end != StreamEnd::Complete {
                let (request_id, client, user) = (who.id(), who.client(), who.user());
                let (endpoint, reason) = (flight.target(), end.label());
                tracing::warn!(request_id, client, user, %endpoint, reason, "stream broke");
            }
            let outcome = end_of(end);
            tab.ends(flight.settle(outcome, usage));
            let broke = (end != StreamEnd::Complete).then(|| end.label());
            note.into_iter()
                .for_each(|it| it.streamed(outcome, broke, tab.cost()));
            in_flight.into_iter().for_each(|it| it.finish(clock::now()));
        };
        let mut closing = self.worker.shared.closing.clone();
        let mut relay = Relay::new(primed, settings, finish).without(redaction);
        if outgoing.is_translated {
            let (sent, usage) = (outgoing.sent, peek.include_usage);
            let translation = Translation::new(sent, peek.api, usage, wall::unix_seconds());
            let translation = translation.with_context(outgoing.context.clone());
            relay = relay.translated(translation.with_id(story.who().id()));
        }
        let relay = relay.until(async move {
            // A sender that is gone cannot say that the grace is over.
            if closing.wait_for(|it| *it == Closing::Now).await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        let mut response = match outgoing.is_translated {
            true => story.tell_stream(status, &AnswerHeaders::default()),
            false => story.tell_stream(status, &headers),
        };
        Tried::Answered(match self.intake.in_array {
            true => response
                .content_type(ContentType::json())
                .streaming(InArray::new(relay)),
            false => response.streaming(relay),
        })
    }
}

/// Handles a 200 whose body is no answer.
fn no_answer(flight: Flight, what: NotAnAnswer, story: &mut Story) -> Tried {
    match what {
        NotAnAnswer::Error(reported) if reported.blame == dialect::Blame::Client => {
            let reported = flight.site().redaction.reported(reported);
            story.tab.ends(flight.settle(Outcome::ClientFault, None));
            Tried::Reported(reported)
        }
        NotAnAnswer::Error(ref reported) => {
            let outcome = outcome_of(reported.blame);
            let failed = flight.fail(outcome.label(), outcome);
            Tried::Failed(match reported.blame {
                dialect::Blame::Overload => failed.for_overload(None),
                _ => failed,
            })
        }
        what => {
            let outcome = Outcome::Failure(FailureKind::Malformed);
            Tried::Failed(flight.fail(what.label(), outcome))
        }
    }
}

/// Gives back what was reserved for a request that is not sent after all;
/// returns whom it was for.
fn unsent(lease: Lease) -> TargetId {
    let target = lease.id().clone();
    lease.settle(Outcome::Cancelled, Some(0), ProviderLimits::default());
    target
}

/// What an error inside a 200 teaches about its endpoint.
fn outcome_of(blame: dialect::Blame) -> Outcome {
    match blame {
        dialect::Blame::Client => Outcome::ClientFault,
        dialect::Blame::RateLimit => Outcome::RateLimited {
            retry_after: None,
            daily: false,
        },
        dialect::Blame::Key => Outcome::KeyRejected,
        dialect::Blame::Overload | dialect::Blame::Server => {
            Outcome::Failure(FailureKind::ErrorEvent)
        }
    }
}

fn end_of(end: StreamEnd) -> Outcome {
    match end {
        StreamEnd::Complete => Outcome::Success,
        StreamEnd::Truncated | StreamEnd::UpstreamError => Outcome::Failure(FailureKind::Truncated),
        StreamEnd::IdleTimeout => Outcome::Failure(FailureKind::Timeout),
        StreamEnd::ErrorEvent(blame) => outcome_of(blame),
        StreamEnd::Malformed => Outcome::Failure(FailureKind::Malformed),
        // Nothing that the endpoint has done wrong.
        StreamEnd::TooLarge | StreamEnd::Untranslatable | StreamEnd::Stopped => Outcome::Cancelled,
    }
}
