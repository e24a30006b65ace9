package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// overSockets are the RFCs, and of RFC 3261 the sections, each row of which is shown by
// what a far end sends and gets over a socket of its own, whatever else it names.
var overSockets = regexp.MustCompile(`^\| (18\.[^|]*|[^|]*\b18\.4|(?:3263 4\.[1-4]|3327|3581|3608|5626|5627|5658|5922|5923|6223|7118)\b[^|]*) \|`)

// opens are the functions of packages that open a socket, as do the methods Dial and
// DialContext of whatever has them.
var opens = map[string][]string{
	"net": {"Dial", "DialTimeout", "DialUDP", "DialTCP", "Listen", "ListenPacket", "ListenUDP", "ListenTCP"},
	"tls": {"Dial", "DialWithDialer", "Listen"},
}

// testPackage is what the functions in the tests of one package call.
type testPackage struct {
	calls map[string][]string // by the name of a function or method of theirs
	opens map[string]bool     // does so itself
}

// read adds a file of tests.
func (p *testPackage) read(t *testing.T, path string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch fun := call.Fun.(type) {
			case *ast.Ident:
				p.calls[f.Name.Name] = append(p.calls[f.Name.Name], fun.Name)
			case *ast.SelectorExpr:
				p.calls[f.Name.Name] = append(p.calls[f.Name.Name], fun.Sel.Name)
				of, ok := fun.X.(*ast.Ident)
				if ok && slices.Contains(opens[of.Name], fun.Sel.Name) || fun.Sel.Name == "Dial" || fun.Sel.Name == "DialContext" {
					p.opens[f.Name.Name] = true
				}
			}
			return true
		})
	}
}

// reaches reports whether a function opens a socket, or one that it calls.
func (p *testPackage) reaches(name string, seen map[string]bool) bool {
	if seen[name] {
		return false
	}
	seen[name] = true
	return p.opens[name] || slices.ContainsFunc(p.calls[name], func(callee string) bool { return p.reaches(callee, seen) })
}

// testPackages are the tests of all packages, by their folders.
func testPackages(t *testing.T) map[string]*testPackage {
	t.Helper()
	packages := map[string]*testPackage{}
	for _, path := range testFiles(t) {
		dir := filepath.Dir(path)
		if packages[dir] == nil {
			packages[dir] = &testPackage{calls: map[string][]string{}, opens: map[string]bool{}}
		}
		packages[dir].read(t, path)
	}
	return packages
}

// TestTransportsAreShownOverSockets: what the page says of transports, flows and names is
// shown by tests that open sockets, row by row.
func TestTransportsAreShownOverSockets(t *testing.T) {
	page, err := os.ReadFile("rfc.md")
	if err != nil {
		t.Fatal(err)
	}
	packages, rows := testPackages(t), 0
	for line := range strings.Lines(string(page)) {
		row := overSockets.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		rows++
		named := namedTest.FindAllStringSubmatch(line, -1)
		if !slices.ContainsFunc(named, func(m []string) bool {
			for _, p := range packages {
				if p.reaches(m[1], map[string]bool{}) {
					return true
				}
			}
			return false
		}) {
			t.Errorf("%s: none of the tests named opens a socket", row[1])
		}
	}
	if rows < 40 {
		t.Errorf("the page has %d such rows", rows)
	}
}

// TestWhoOpensSockets: what stands between a test and a socket is found, and nothing else.
func TestWhoOpensSockets(t *testing.T) {
	packages := testPackages(t)
	for _, tt := range []struct {
		dir, name string
		want      bool
	}{
		{"../proxy/server", "newPhone", true},
		{"../proxy/server", "TestRFC5626_6_OutboundOverTCP", true},
		{"../proxy/transport", "TestRFC7118_5_Messages", true},
		{"../proxy/transport", "TestRFC3261_18_2_2_ResponseDestination", false},
		{"../proxy/targets", "TestRFC3261_18_1_1_LargeRequestsGoByTCP", false},
		{"../proxy/forward", "TestGoldenTransports", false},
	} {
		if got := packages[tt.dir].reaches(tt.name, map[string]bool{}); got != tt.want {
			t.Errorf("%s of %s opens a socket: %v", tt.name, tt.dir, got)
		}
	}
}
