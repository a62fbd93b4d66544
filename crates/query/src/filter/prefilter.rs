//! What an expression demands of a trace's columns. Each condition here is implied by the expression; none decides alone.

use store::Prefilter;

use super::{Comparison, Expression, Flag, Literal, Number, Text};

impl Expression {
    /// A condition that every matching trace meets.
    pub fn prefilter(&self) -> Prefilter {
        match self {
            Expression::And(parts) => Prefilter::And(parts.iter().map(Expression::prefilter).collect()),
            Expression::Or(parts) => Prefilter::Or(parts.iter().map(Expression::prefilter).collect()),
            Expression::Constant(true) => Prefilter::Anything,
            Expression::Constant(false) => Prefilter::Nothing,
            // A condition that is only implied says nothing once it is turned round; these are exact.
            Expression::Not(inner) => match &**inner {
                Expression::Flag(flag, wanted) => Expression::Flag(*flag, !wanted).prefilter(),
                Expression::Constant(value) => Expression::Constant(!value).prefilter(),
                _ => Prefilter::Anything,
            },
            Expression::Flag(flag, wanted) => match (flag, wanted) {
                (Flag::Fault, wanted) => Prefilter::Fault(*wanted),
                (Flag::Error, wanted) => Prefilter::Error(*wanted),
                (Flag::Throttle, true) => Prefilter::AnyThrottle,
                (Flag::Partial, wanted) => Prefilter::Partial(*wanted),
                (Flag::Ok, true) => Prefilter::And(vec![Prefilter::Fault(false), Prefilter::Error(false)]),
                _ => Prefilter::Anything,
            },
            Expression::Number(Number::ResponseTime, Some((comparison, secs))) => {
                // One microsecond of slack on each side: stored times are rounded.
                let us = (secs * 1e6).clamp(0.0, 1e18) as u64;
                between(*comparison, us.saturating_sub(1), us.saturating_add(1), 0, u64::MAX)
                    .map_or(Prefilter::Anything, |(low, high)| Prefilter::ResponseBetween(low, high))
            }
            Expression::Number(Number::HttpStatus, Some((comparison, status))) => {
                let status = *status as i64;
                between(*comparison, status, status, i64::MIN, i64::MAX)
                    .map_or(Prefilter::Anything, |(low, high)| Prefilter::StatusBetween(low, high))
            }
            Expression::Text(Text::HttpMethod, Some((Comparison::Equal, method))) => Prefilter::Method(method.clone()),
            Expression::Text(
                Text::HttpUrl,
                Some((Comparison::Equal | Comparison::Contains | Comparison::BeginsWith | Comparison::EndsWith, part)),
            ) => Prefilter::UrlContains(part.clone()),
            Expression::Text(Text::User, Some((Comparison::Equal, user))) => Prefilter::User(user.clone()),
            Expression::Text(Text::Name, Some((Comparison::Equal, name))) => Prefilter::Service(name.clone()),
            Expression::Annotation(key, Some((Comparison::Equal, Literal::Text(value)))) => {
                Prefilter::AnnotationText(key.clone(), value.clone())
            }
            Expression::Annotation(key, _) => Prefilter::AnnotationKey(key.clone()),
            Expression::Service(target, inner) => {
                let name = target.name.clone().map(Prefilter::Service);
                let inner = inner.as_ref().map(|inner| inner.any_visit());
                Prefilter::And(name.into_iter().chain(inner).collect())
            }
            Expression::Edge(from, to, inner) => {
                let names = [from, to].into_iter().filter_map(|target| target.name.clone()).map(Prefilter::Service);
                let inner = inner.as_ref().map(|inner| inner.any_visit());
                Prefilter::And(names.chain(inner).collect())
            }
            _ => Prefilter::Anything,
        }
    }

    /// What a condition on some request of the trace demands of the whole.
    fn any_visit(&self) -> Prefilter {
        match self {
            Expression::And(parts) => Prefilter::And(parts.iter().map(Expression::any_visit).collect()),
            Expression::Or(parts) => Prefilter::Or(parts.iter().map(Expression::any_visit).collect()),
            Expression::Flag(Flag::Fault, true) => Prefilter::AnyFault,
            Expression::Flag(Flag::Error, true) => Prefilter::AnyError,
            Expression::Flag(Flag::Throttle, true) => Prefilter::AnyThrottle,
            Expression::Flag(Flag::Ok, false) => {
                Prefilter::Or(vec![Prefilter::AnyFault, Prefilter::AnyError, Prefilter::AnyThrottle])
            }
            Expression::Annotation(..) => self.prefilter(),
            _ => Prefilter::Anything,
        }
    }
}

/// The closed interval that a comparison leaves open; none where it excludes nothing useful.
fn between<T>(comparison: Comparison, low: T, high: T, min: T, max: T) -> Option<(T, T)> {
    match comparison {
        Comparison::Equal => Some((low, high)),
        Comparison::Less | Comparison::LessOrEqual => Some((min, high)),
        Comparison::Greater | Comparison::GreaterOrEqual => Some((low, max)),
        _ => None,
    }
}
