package controllers

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
)

// TestNoResultWithAnError: controller-runtime ignores when to come again where there is
// an error, so that whoever returns both means something that does not happen.
func TestNoResultWithAnError(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		n, bad := returnsBoth(f)
		seen += n
		for _, text := range bad {
			t.Errorf("%s: return %s", file, text)
		}
	}
	if seen < 10 {
		t.Errorf("only %d returns of results were looked at", seen)
	}
}

func TestReturnsBothIsFound(t *testing.T) {
	for body, want := range map[string]int{
		"return ctrl.Result{}, err":                                        0,
		"return ctrl.Result{RequeueAfter: again}, nil":                     0,
		"return x.other()":                                                 0,
		"return ctrl.Result{RequeueAfter: again}, err":                     1,
		"return result, err":                                               1,
		"return again(), errors.Join(err)":                                 1,
		"result, err = ctrl.Result{RequeueAfter: again}, nil; return":      0,
		"result, err = ctrl.Result{RequeueAfter: again}, err; return":      1,
		"defer func() { result = ctrl.Result{RequeueAfter: 1} }(); return": 1,
	} {
		src := "package p\nfunc f() (result ctrl.Result, err error) { " + body + " }\nfunc g() (int, error) { return a, err }"
		f, err := parser.ParseFile(token.NewFileSet(), "p.go", src, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, bad := returnsBoth(f); len(bad) != want {
			t.Errorf("%s: %v, want %d", body, bad, want)
		}
	}
}

// returnsBoth finds, in functions that return a result and an error, where both may be
// something: n are the places that were looked at.
func returnsBoth(f *ast.File) (n int, bad []string) {
	check := func(values []ast.Expr) {
		n++
		if len(values) == 2 && !isEmptyResult(values[0]) && !isNil(values[1]) {
			bad = append(bad, types.ExprString(values[0])+", "+types.ExprString(values[1]))
		}
	}
	var inside func(body *ast.BlockStmt, returns bool)
	inside = func(body *ast.BlockStmt, returns bool) {
		ast.Inspect(body, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncLit:
				inside(node.Body, returnsResult(node.Type))
				return false
			case *ast.ReturnStmt:
				if returns && len(node.Results) > 0 {
					check(node.Results)
				}
			case *ast.AssignStmt:
				if len(node.Lhs) == 2 && len(node.Rhs) == 2 && isName(node.Lhs[0], "result") {
					check(node.Rhs)
				} else if len(node.Rhs) == 1 && len(node.Lhs) == 1 && isName(node.Lhs[0], "result") {
					check([]ast.Expr{node.Rhs[0], ast.NewIdent("err")})
				}
			}
			return true
		})
	}
	for _, d := range f.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
			inside(d.Body, returnsResult(d.Type))
		}
	}
	return n, bad
}

func returnsResult(f *ast.FuncType) bool {
	return f.Results != nil && len(f.Results.List) == 2 && strings.HasSuffix(types.ExprString(f.Results.List[0].Type), ".Result")
}

func isEmptyResult(e ast.Expr) bool {
	c, ok := e.(*ast.CompositeLit)
	return ok && len(c.Elts) == 0
}

func isNil(e ast.Expr) bool { return isName(e, "nil") }

func isName(e ast.Expr, name string) bool {
	i, ok := e.(*ast.Ident)
	return ok && i.Name == name
}

// TestThroughTheGateIsOneOfTheTwo: whatever a pass returns, what reaches the controller
// is an error or when to come again.
func TestThroughTheGateIsOneOfTheTwo(t *testing.T) {
	both := ctrl.Result{RequeueAfter: time.Minute}
	for name, err := range map[string]error{
		"done": nil, "failed": errors.New("x"), "late": &lateError{time.Second}, "the namespace ends": &endingError{"voice"},
		"late and failed": errors.Join(errors.New("x"), &lateError{time.Second}), "ends, and late": errors.Join(&endingError{"voice"}, &lateError{time.Second}),
		"wrapped": fmt.Errorf("endpoints: %w", &endingError{"voice"}),
	} {
		result, got := newGate(publisherBounds).through(func(context.Context, ctrl.Request) (ctrl.Result, error) { return both, err })(t.Context(), ctrl.Request{})
		if (got == nil) == result.IsZero() {
			t.Errorf("%s: %+v, %v", name, result, got)
		}
		if wantErr := name == "failed"; (got != nil) != wantErr {
			t.Errorf("%s: error %v", name, got)
		}
	}
}
