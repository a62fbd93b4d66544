//! Expression against digest.

use std::borrow::Cow;
use std::cell::OnceCell;

use model::digest::{
    AnnotationValue, Call, CauseEntity, CauseException, CauseService, DigestHttp, Flags, Outcome, RootCause, TraceDigest, Visit,
};
use model::service::ServiceId;
use serde_json::Value;

use super::{CauseKind, CauseLevel, Comparison, Expression, Flag, Literal, Number, Target, Text};
use crate::summary::cause_json;

/// An expression ready to be asked.
#[derive(Debug, Clone)]
pub struct Matcher {
    expression: Expression,
}

impl Matcher {
    pub fn new(expression: Expression) -> Matcher {
        Matcher { expression }
    }

    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Whether the trace meets the expression. `slow` says whether its response time has a root cause.
    pub fn matches(&self, digest: &TraceDigest, slow: bool) -> bool {
        let trace = TraceScope { digest, slow, json: OnceCell::new() };
        evaluate(&self.expression, &trace)
    }
}

/// What an expression is asked about. Each answers the keywords that mean something there.
trait Scope {
    fn flag(&self, _: Flag) -> bool {
        false
    }
    fn number(&self, _: Number) -> Option<f64> {
        None
    }
    /// Whether any value of this text passes the test.
    fn any_text(&self, text: Text, test: &mut dyn FnMut(&str) -> bool) -> bool;
    fn annotations(&self, _key: &str, _test: &mut dyn FnMut(&AnnotationValue) -> bool) -> bool {
        false
    }
    /// Expressions that only a whole trace answers.
    fn special(&self, _: &Expression) -> bool {
        false
    }
}

fn evaluate(expression: &Expression, scope: &dyn Scope) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().all(|part| evaluate(part, scope)),
        Expression::Or(parts) => parts.iter().any(|part| evaluate(part, scope)),
        Expression::Not(inner) => !evaluate(inner, scope),
        Expression::Constant(value) => *value,
        Expression::Flag(flag, wanted) => scope.flag(*flag) == *wanted,
        Expression::Number(number, None) => scope.number(*number).is_some(),
        Expression::Number(number, Some((comparison, value))) => {
            scope.number(*number).is_some_and(|actual| compare_numbers(actual, *comparison, *value))
        }
        Expression::Text(text, None) => scope.any_text(*text, &mut |_| true),
        // "Not equal" means that no value is equal, not that some other value exists.
        Expression::Text(text, Some((Comparison::NotEqual, value))) => !scope.any_text(*text, &mut |actual| actual == value),
        Expression::Text(text, Some((comparison, value))) => {
            scope.any_text(*text, &mut |actual| compare_texts(actual, *comparison, value))
        }
        Expression::Annotation(key, None) => scope.annotations(key, &mut |_| true),
        Expression::Annotation(key, Some((comparison, literal))) => {
            scope.annotations(key, &mut |actual| compare_annotation(actual, *comparison, literal))
        }
        Expression::Service(..)
        | Expression::Edge(..)
        | Expression::RootCause(..)
        | Expression::RootCauseJson(_)
        | Expression::ByTime(_) => scope.special(expression),
    }
}

struct TraceScope<'d> {
    digest: &'d TraceDigest,
    slow: bool,
    /// All causes as JSON, made when first asked for.
    json: OnceCell<Vec<Value>>,
}

impl TraceScope<'_> {
    fn entry(&self) -> Option<&Visit> {
        self.digest.entry_visit()
    }

    fn causes(&self, kind: CauseKind) -> Cow<'_, [RootCause]> {
        match kind {
            CauseKind::Fault => Cow::Borrowed(&self.digest.fault_causes),
            CauseKind::Error => Cow::Borrowed(&self.digest.error_causes),
            CauseKind::ResponseTime if self.slow => Cow::Owned(self.digest.slow_path.iter().cloned().collect()),
            CauseKind::ResponseTime => Cow::Borrowed(&[]),
        }
    }
}

impl Scope for TraceScope<'_> {
    fn flag(&self, flag: Flag) -> bool {
        match flag {
            Flag::Partial => self.digest.partial,
            _ => self.entry().is_some_and(|entry| call_flag(&entry.served, flag)),
        }
    }

    fn number(&self, number: Number) -> Option<f64> {
        match number {
            Number::Duration => Some(self.digest.duration_us() as f64 / 1e6),
            _ => call_number(&self.entry()?.served, number),
        }
    }

    fn any_text(&self, text: Text, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let digest = self.digest;
        match text {
            Text::User => digest.users.iter().any(|user| test(&user.text)),
            Text::AvailabilityZone => digest.availability_zones.iter().any(|zone| test(zone)),
            Text::InstanceId => digest.instance_ids.iter().any(|id| test(id)),
            Text::ResourceArn => digest.resource_arns.iter().any(|arn| test(arn)),
            Text::Name => digest.services.iter().flat_map(|service| &service.names).any(|name| test(name)),
            Text::Type => digest.services.iter().filter_map(|service| service.id.kind.as_deref()).any(test),
            Text::AccountId => digest.services.iter().filter_map(|service| service.id.account_id.as_deref()).any(test),
            _ => self.entry().and_then(|entry| call_text(&entry.served, text)).is_some_and(test),
        }
    }

    fn annotations(&self, key: &str, test: &mut dyn FnMut(&AnnotationValue) -> bool) -> bool {
        self.digest.annotations.iter().filter(|annotation| annotation.key == key).any(|annotation| test(&annotation.value))
    }

    fn special(&self, expression: &Expression) -> bool {
        let digest = self.digest;
        match expression {
            Expression::Service(target, inner) => {
                digest.visits.iter().any(|visit| visit_matches(target, inner.as_deref(), digest, visit))
            }
            Expression::Edge(from, to, inner) => {
                digest.visits.iter().any(|visit| edge_matches(from, to, inner.as_deref(), digest, visit))
            }
            Expression::RootCause(kind, level, inner) => {
                self.causes(*kind).iter().any(|cause| cause_matches(cause, *level, inner.as_deref()))
            }
            Expression::RootCauseJson(pattern) => {
                let kinds = [CauseKind::Fault, CauseKind::Error, CauseKind::ResponseTime];
                let causes = self.json.get_or_init(|| {
                    let of_kind = |kind| self.causes(kind).iter().map(|cause| cause_json(cause, kind)).collect::<Vec<_>>();
                    kinds.into_iter().flat_map(of_kind).collect()
                });
                let patterns = pattern.as_array().map(Vec::as_slice).unwrap_or_default();
                patterns.iter().all(|pattern| causes.iter().any(|cause| json_matches(pattern, cause)))
            }
            Expression::ByTime(versions) => {
                let later = versions.iter().rev().find(|(since_us, _)| *since_us <= digest.time_us);
                later.or(versions.first()).is_some_and(|(_, expression)| evaluate(expression, self))
            }
            _ => false,
        }
    }
}

struct VisitScope<'d> {
    digest: &'d TraceDigest,
    visit: &'d Visit,
}

impl Scope for VisitScope<'_> {
    fn flag(&self, flag: Flag) -> bool {
        match flag {
            Flag::Root => self.visit.root,
            Flag::Inferred => self.visit.inferred,
            _ => call_flag(&self.visit.served, flag),
        }
    }

    fn number(&self, number: Number) -> Option<f64> {
        call_number(&self.visit.served, number)
    }

    fn any_text(&self, text: Text, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let service = self.digest.service(self.visit.service);
        match text {
            Text::User => self.visit.user.is_some_and(|user| test(&self.digest.users[user as usize].text)),
            Text::Name => service.names.iter().any(|name| test(name)),
            Text::Type => service.id.kind.as_deref().is_some_and(test),
            Text::AccountId => service.id.account_id.as_deref().is_some_and(test),
            _ => call_text(&self.visit.served, text).is_some_and(test),
        }
    }

    fn annotations(&self, key: &str, test: &mut dyn FnMut(&AnnotationValue) -> bool) -> bool {
        let here =
            |annotation: &&model::digest::Annotation| annotation.key == key && annotation.services.contains(&self.visit.service);
        self.digest.annotations.iter().filter(here).any(|annotation| test(&annotation.value))
    }
}

struct EdgeScope<'d> {
    digest: &'d TraceDigest,
    visit: &'d Visit,
}

impl Scope for EdgeScope<'_> {
    fn flag(&self, flag: Flag) -> bool {
        call_flag(self.visit.requested(), flag)
    }

    fn number(&self, number: Number) -> Option<f64> {
        call_number(self.visit.requested(), number)
    }

    fn any_text(&self, text: Text, test: &mut dyn FnMut(&str) -> bool) -> bool {
        call_text(self.visit.requested(), text).is_some_and(test)
    }

    fn annotations(&self, key: &str, test: &mut dyn FnMut(&AnnotationValue) -> bool) -> bool {
        // Recorded by the calling service.
        let caller = self.visit.caller.as_ref().map(|caller| caller.service);
        let here = |annotation: &&model::digest::Annotation| {
            annotation.key == key && caller.is_some_and(|caller| annotation.services.contains(&caller))
        };
        self.digest.annotations.iter().filter(here).any(|annotation| test(&annotation.value))
    }
}

/// Position of an element in a list, for `first`, `last` and `index`.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    count: usize,
}

impl Place {
    fn flag(self, flag: Flag) -> bool {
        match flag {
            Flag::First => self.index == 0,
            Flag::Last => self.index + 1 == self.count,
            _ => false,
        }
    }

    fn number(self, number: Number) -> Option<f64> {
        (number == Number::Index).then_some(self.index as f64)
    }
}

struct CauseServiceScope<'d>(&'d CauseService, Place);

impl Scope for CauseServiceScope<'_> {
    fn flag(&self, flag: Flag) -> bool {
        if flag == Flag::Inferred { self.0.inferred } else { self.1.flag(flag) }
    }
    fn number(&self, number: Number) -> Option<f64> {
        self.1.number(number)
    }
    fn any_text(&self, text: Text, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match text {
            Text::Name => test(&self.0.id.name),
            Text::Type => self.0.id.kind.as_deref().is_some_and(test),
            Text::AccountId => self.0.id.account_id.as_deref().is_some_and(test),
            _ => false,
        }
    }
}

struct CauseEntityScope<'d>(&'d CauseEntity, Place);

impl Scope for CauseEntityScope<'_> {
    fn flag(&self, flag: Flag) -> bool {
        if flag == Flag::Remote { self.0.remote } else { self.1.flag(flag) }
    }
    fn number(&self, number: Number) -> Option<f64> {
        if number == Number::Coverage { Some(self.0.coverage) } else { self.1.number(number) }
    }
    fn any_text(&self, text: Text, test: &mut dyn FnMut(&str) -> bool) -> bool {
        text == Text::Name && test(&self.0.name)
    }
}

struct CauseExceptionScope<'d>(&'d CauseException, Place);

impl Scope for CauseExceptionScope<'_> {
    fn flag(&self, flag: Flag) -> bool {
        self.1.flag(flag)
    }
    fn number(&self, number: Number) -> Option<f64> {
        self.1.number(number)
    }
    fn any_text(&self, text: Text, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match text {
            Text::Name => test(&self.0.name),
            Text::Message => test(&self.0.message),
            _ => false,
        }
    }
}

fn cause_matches(cause: &RootCause, level: CauseLevel, inner: Option<&Expression>) -> bool {
    let passes = |scope: &dyn Scope| inner.is_none_or(|inner| evaluate(inner, scope));
    let count = cause.services.len();
    match level {
        CauseLevel::Service => {
            cause.services.iter().enumerate().any(|(index, service)| passes(&CauseServiceScope(service, Place { index, count })))
        }
        // Entities are counted along the whole way, over all services.
        CauseLevel::Entity => {
            let entities: Vec<&CauseEntity> = cause.services.iter().flat_map(|service| &service.path).collect();
            let count = entities.len();
            entities.iter().enumerate().any(|(index, entity)| passes(&CauseEntityScope(entity, Place { index, count })))
        }
        CauseLevel::Exception => {
            let exceptions: Vec<&CauseException> =
                cause.services.iter().flat_map(|service| &service.path).flat_map(|entity| &entity.exceptions).collect();
            let count = exceptions.len();
            exceptions.iter().enumerate().any(|(index, exception)| passes(&CauseExceptionScope(exception, Place { index, count })))
        }
    }
}

/// A member that the pattern has must be equal; one that it lacks may be anything; lists must have the same length and order.
fn json_matches(pattern: &Value, actual: &Value) -> bool {
    match (pattern, actual) {
        (Value::Object(pattern), Value::Object(actual)) => {
            pattern.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| json_matches(value, actual)))
        }
        (Value::Array(pattern), Value::Array(actual)) => {
            pattern.len() == actual.len() && pattern.iter().zip(actual).all(|(pattern, actual)| json_matches(pattern, actual))
        }
        (Value::Number(pattern), Value::Number(actual)) => pattern.as_f64() == actual.as_f64(),
        _ => pattern == actual,
    }
}

fn target_matches(target: &Target, digest: &TraceDigest, service: u32) -> bool {
    let service = digest.service(service);
    target.name.as_ref().is_none_or(|name| service.names.iter().any(|known| known == name))
        && rest_matches(target, &service.id, service.id.kind.as_deref())
}

fn client_matches(target: &Target, digest: &TraceDigest, root: u32) -> bool {
    let service = digest.service(root);
    target.name.as_ref().is_none_or(|name| service.names.iter().any(|known| known == name))
        && rest_matches(target, &service.id, Some("client"))
}

fn rest_matches(target: &Target, id: &ServiceId, kind: Option<&str>) -> bool {
    target.kind.as_deref().is_none_or(|wanted| kind == Some(wanted))
        && target.account_id.as_ref().is_none_or(|account| id.account_id.as_deref() == Some(account.as_str()))
}

fn call_flag(call: &Call, flag: Flag) -> bool {
    let Flags { error, throttle, fault } = call.flags;
    match flag {
        Flag::Ok => call.flags.outcome() == Outcome::Ok,
        Flag::Error => error,
        Flag::Throttle => throttle,
        Flag::Fault => fault,
        _ => false,
    }
}

fn call_number(call: &Call, number: Number) -> Option<f64> {
    match number {
        Number::ResponseTime | Number::Duration => call.duration_us.map(|us| us as f64 / 1e6),
        Number::HttpStatus => call.http.as_ref()?.status.map(|status| status as f64),
        Number::Index | Number::Coverage => None,
    }
}

fn call_text(call: &Call, text: Text) -> Option<&str> {
    let http: &DigestHttp = call.http.as_deref()?;
    match text {
        Text::HttpUrl => http.url.as_deref(),
        Text::HttpMethod => http.method.as_deref(),
        Text::HttpUserAgent => http.user_agent.as_deref(),
        Text::HttpClientIp => http.client_ip.as_deref(),
        _ => None,
    }
}

fn compare_numbers(actual: f64, comparison: Comparison, value: f64) -> bool {
    match comparison {
        Comparison::Equal => actual == value,
        Comparison::NotEqual => actual != value,
        Comparison::Less => actual < value,
        Comparison::LessOrEqual => actual <= value,
        Comparison::Greater => actual > value,
        Comparison::GreaterOrEqual => actual >= value,
        Comparison::Contains | Comparison::BeginsWith | Comparison::EndsWith => false,
    }
}

fn compare_texts(actual: &str, comparison: Comparison, value: &str) -> bool {
    match comparison {
        Comparison::Equal => actual == value,
        Comparison::NotEqual => actual != value,
        Comparison::Contains => actual.contains(value),
        Comparison::BeginsWith => actual.starts_with(value),
        Comparison::EndsWith => actual.ends_with(value),
        Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => false,
    }
}

/// Types are kept apart: the text "3" is not the number 3.
fn compare_annotation(actual: &AnnotationValue, comparison: Comparison, literal: &Literal) -> bool {
    match (actual, literal) {
        (AnnotationValue::Text(actual), Literal::Text(value)) => compare_texts(actual, comparison, value),
        (AnnotationValue::Number(actual), Literal::Number(value)) => compare_numbers(*actual, comparison, *value),
        (AnnotationValue::Boolean(actual), Literal::Boolean(value)) => (actual == value) == (comparison == Comparison::Equal),
        _ => false,
    }
}

/// Whether a visit is one that `service(target) { inner }` asks for.
pub(crate) fn visit_matches(target: &Target, inner: Option<&Expression>, digest: &TraceDigest, visit: &Visit) -> bool {
    target_matches(target, digest, visit.service) && inner.is_none_or(|inner| evaluate(inner, &VisitScope { digest, visit }))
}

/// Whether a visit is one that `edge(from, to) { inner }` asks for.
pub(crate) fn edge_matches(from: &Target, to: &Target, inner: Option<&Expression>, digest: &TraceDigest, visit: &Visit) -> bool {
    let from_matches = match &visit.caller {
        Some(caller) => target_matches(from, digest, caller.service),
        // The client that calls a root carries the root's name and the type `client`.
        None => visit.root && client_matches(from, digest, visit.service),
    };
    from_matches
        && target_matches(to, digest, visit.service)
        && inner.is_none_or(|inner| evaluate(inner, &EdgeScope { digest, visit }))
}
