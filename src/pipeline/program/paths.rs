//! Every path that a program reads or writes, with its place: what VRL itself would take as null is an error here.

use vrl::diagnostic::Span;
use vrl::parser::Program;
use vrl::parser::ast::{
    Assignment, AssignmentOp, AssignmentTarget, Block, Container, Expr, FunctionCall, IfStatement, Node,
    Predicate, Query, QueryTarget, RootExpr, Unary,
};
use vrl::path::{OwnedTargetPath, OwnedValuePath};

/// A path to something outside of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) path: OwnedTargetPath,
    pub(super) access: Access,
    pub(super) span: Span,
}

/// What is done with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// The paths of a program in its order.
pub(super) fn paths(program: Program) -> Vec<Path> {
    let mut paths = Paths(Vec::new());
    for root in program {
        if let RootExpr::Expr(node) = root.into_inner() {
            paths.expression(node);
        }
    }
    paths.0
}

struct Paths(Vec<Path>);

impl Paths {
    fn expression(&mut self, node: Node<Expr>) {
        match node.into_inner() {
            Expr::Literal(_) | Expr::Variable(_) => {}
            Expr::Container(node) => self.container(node.into_inner()),
            Expr::IfStatement(node) => self.if_statement(node.into_inner()),
            Expr::Op(node) => {
                let operation = node.into_inner();
                self.expression(*operation.0);
                self.expression(*operation.2);
            }
            Expr::Assignment(node) => self.assignment(node.into_inner()),
            Expr::Query(node) => {
                let span = node.span();
                self.query(node.into_inner(), span, Access::Read);
            }
            Expr::FunctionCall(node) => self.call(node.into_inner()),
            Expr::Unary(node) => {
                let Unary::Not(not) = node.into_inner();
                self.expression(*not.into_inner().take().1);
            }
            Expr::Abort(node) => {
                if let Some(message) = node.into_inner().message {
                    self.expression(*message);
                }
            }
            Expr::Return(node) => self.expression(*node.into_inner().expr),
        }
    }

    fn container(&mut self, container: Container) {
        match container {
            Container::Group(node) => self.expression(node.into_inner().into_inner()),
            Container::Block(node) => self.block(node.into_inner()),
            Container::Array(node) => node.into_inner().into_iter().for_each(|item| self.expression(item)),
            Container::Object(node) => {
                node.into_inner().into_iter().for_each(|(_, value)| self.expression(value));
            }
        }
    }

    fn block(&mut self, block: Block) {
        block.into_iter().for_each(|expression| self.expression(expression));
    }

    fn if_statement(&mut self, statement: IfStatement) {
        match statement.predicate.into_inner() {
            Predicate::One(expression) => self.expression(*expression),
            Predicate::Many(expressions) => {
                expressions.into_iter().for_each(|expression| self.expression(expression));
            }
        }
        self.block(statement.if_node.into_inner());
        if let Some(node) = statement.else_node {
            self.block(node.into_inner());
        }
    }

    fn assignment(&mut self, assignment: Assignment) {
        match assignment {
            Assignment::Single { target, op, expr } => {
                self.target(target, op);
                self.expression(*expr);
            }
            Assignment::Infallible { ok, err, op, expr } => {
                self.target(ok, op);
                self.target(err, AssignmentOp::Assign);
                self.expression(*expr);
            }
        }
    }

    fn target(&mut self, node: Node<AssignmentTarget>, op: AssignmentOp) {
        let span = node.span();
        if op == AssignmentOp::Merge {
            let read = node.to_expr(span);
            self.expression(Node::new(span, read));
        }
        match node.into_inner() {
            AssignmentTarget::Noop | AssignmentTarget::Internal(..) => {}
            AssignmentTarget::Query(query) => self.query(query, span, Access::Write),
            AssignmentTarget::External(path) => {
                self.add(path.unwrap_or_else(OwnedTargetPath::event_root), span, Access::Write);
            }
        }
    }

    fn query(&mut self, query: Query, span: Span, access: Access) {
        let path: OwnedValuePath = query.path.into_inner();
        match query.target.into_inner() {
            QueryTarget::External(prefix) => self.add(OwnedTargetPath { prefix, path }, span, access),
            QueryTarget::FunctionCall(call) => self.call(call),
            QueryTarget::Container(container) => self.container(container),
            QueryTarget::Internal(_) => {}
        }
    }

    fn call(&mut self, call: FunctionCall) {
        for argument in call.arguments {
            self.expression(argument.into_inner().expr);
        }
        if let Some(closure) = call.closure {
            self.block(closure.into_inner().block.into_inner());
        }
    }

    fn add(&mut self, path: OwnedTargetPath, span: Span, access: Access) {
        self.0.push(Path { path, access, span });
    }
}
