//! What an expression demands of a trace's columns. Each condition here is implied by the expression; none decides alone.

use store::{Prefilter, VisitTest};

use super::{Comparison, Expression, Flag, Literal, Number, Text};

impl Expression {
    /// A condition that every matching trace meets.
    pub fn prefilter(&self) -> Prefilter {
        match self {
            Expression::And(parts) => Prefilter::And(parts.iter().map(Expression::prefilter).collect()),
            Expression::Or(parts) => Prefilter::Or(parts.iter().map(Expression::prefilter).collect()),
            Expression::ByTime(versions) => Prefilter::Or(versions.iter().map(|(_, expression)| expression.prefilter()).collect()),
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
                microseconds(*comparison, *secs).map_or(Prefilter::Anything, |(low, high)| Prefilter::ResponseBetween(low, high))
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
                let visit = VisitTest { service: target.name.clone(), ..VisitTest::default() };
                Expression::some_visit(target.name.iter(), inner.as_deref(), visit)
            }
            Expression::Edge(from, to, inner) => {
                let visit = VisitTest { service: to.name.clone(), from: from.name.clone(), ..VisitTest::default() };
                Expression::some_visit([from, to].into_iter().filter_map(|target| target.name.as_ref()), inner.as_deref(), visit)
            }
            _ => Prefilter::Anything,
        }
    }

    /// What it demands of a trace that one of its requests is of these services and passes the inner condition.
    fn some_visit<'n>(names: impl Iterator<Item = &'n String>, inner: Option<&Expression>, mut visit: VisitTest) -> Prefilter {
        let inner_demands = inner.map(|inner| {
            inner.of_visit(&mut visit);
            inner.any_visit()
        });
        // Where only a name is asked for, the names of the trace's services say nearly as much, for less.
        let name_only = VisitTest { service: visit.service.clone(), ..VisitTest::default() };
        let mut parts: Vec<Prefilter> =
            if visit == name_only { names.cloned().map(Prefilter::Service).collect() } else { vec![Prefilter::Visit(visit)] };
        parts.extend(inner_demands);
        Prefilter::And(parts)
    }

    /// What of the condition can be asked of one request.
    fn of_visit(&self, visit: &mut VisitTest) {
        match self {
            Expression::And(parts) => parts.iter().for_each(|part| part.of_visit(visit)),
            Expression::Flag(Flag::Fault, true) => visit.fault = true,
            Expression::Flag(Flag::Error, true) => visit.error = true,
            Expression::Flag(Flag::Throttle, true) => visit.throttle = true,
            Expression::Number(Number::ResponseTime | Number::Duration, Some((comparison, secs))) => {
                let (low, high) = visit.duration_us.unwrap_or((0, u64::MAX));
                if let Some((least, most)) = microseconds(*comparison, *secs) {
                    visit.duration_us = Some((low.max(least), high.min(most)));
                }
            }
            _ => {}
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

/// The microseconds that a comparison with seconds leaves open; none where it excludes nothing useful.
fn microseconds(comparison: Comparison, secs: f64) -> Option<(u64, u64)> {
    // One microsecond of slack on each side: stored times are rounded.
    let us = (secs * 1e6).clamp(0.0, 1e18) as u64;
    between(comparison, us.saturating_sub(1), us.saturating_add(1), 0, u64::MAX)
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
