//! Groups in filter expressions.

use model::group::{DEFAULT_GROUP, Group};

use super::{Expression, parse};

/// The groups that an expression may name, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct GroupExpressions {
    groups: Vec<GroupExpression>,
}

#[derive(Debug, Clone)]
struct GroupExpression {
    name: String,
    id: String,
    expression: Expression,
}

impl GroupExpressions {
    pub fn of(groups: &[Group]) -> GroupExpressions {
        let groups = groups.iter().map(|group| GroupExpression {
            name: group.name.clone(),
            id: group.id.clone(),
            expression: expression(group),
        });
        GroupExpressions { groups: groups.collect() }
    }

    /// The expression of the group of this name.
    pub fn by_name(&self, name: &str) -> Option<&Expression> {
        if name == DEFAULT_GROUP {
            return Some(&Expression::Constant(true));
        }
        self.groups.iter().find(|group| group.name == name).map(|group| &group.expression)
    }

    /// That of the group with this ARN, which ends with its name and id.
    pub fn by_arn(&self, arn: &str) -> Option<&Expression> {
        let (_, tail) = arn.split_once(":group/")?;
        match tail.split_once('/') {
            None => self.by_name(tail).filter(|_| tail == DEFAULT_GROUP),
            Some((name, id)) => {
                self.groups.iter().find(|group| group.name == name && group.id == id).map(|group| &group.expression)
            }
        }
    }
}

/// What a trace must meet to be in the group: the expression that counted when it began.
pub fn expression(group: &Group) -> Expression {
    let versions = group.versions.iter().map(|version| {
        let text = version.expression.as_deref().unwrap_or_default();
        // What a version before this one took and this one does not is in nobody's group.
        (version.since_us, parse(text).unwrap_or(Expression::Constant(false)))
    });
    let mut versions: Vec<_> = versions.collect();
    match versions.len() {
        0 => Expression::Constant(true),
        1 => versions.remove(0).1,
        _ => Expression::ByTime(versions),
    }
}
