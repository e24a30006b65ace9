package page

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// ask has the page's own handler answer.
func ask(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	Handle(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	return w
}

// TestEachFileIsServed with its type, and so that a browser runs nothing else.
func TestEachFileIsServed(t *testing.T) {
	want := map[string]string{"/": "text/html; charset=utf-8"}
	all, err := fs.ReadDir(files, folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		switch _, ext, _ := strings.Cut(f.Name(), "."); ext {
		case "html":
		case "js":
			want["/page/"+f.Name()] = "text/javascript; charset=utf-8"
		case "css":
			want["/page/"+f.Name()] = "text/css; charset=utf-8"
		case "svg":
			want["/page/"+f.Name()] = "image/svg+xml; charset=utf-8"
		default:
			t.Errorf("%s: nobody knows its type", f.Name())
		}
	}
	for path, contentType := range want {
		r := ask(t, http.MethodGet, path)
		if r.Code != http.StatusOK || r.Body.Len() == 0 {
			t.Errorf("%s: %d, %d bytes", path, r.Code, r.Body.Len())
		}
		for name, value := range map[string]string{"Content-Type": contentType, "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"} {
			if got := r.Header().Get(name); got != value {
				t.Errorf("%s: %s %q, want %q", path, name, got, value)
			}
		}
		if r := ask(t, http.MethodPost, path); r.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, r.Code)
		}
	}
}

// What a file may not have: the page works behind any prefix, loads nothing from
// elsewhere, and makes no HTML of what it received.
var forbidden = map[string]*regexp.Regexp{
	"an absolute URL":                  regexp.MustCompile(`(?:src|href)\s*=\s*["']/|(?:fetch|ask|EventSource|from|import)\s*\(?\s*["'` + "`" + `]/`),
	"an address of another":            regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]`),
	"HTML from text":                   regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`),
	"a script or style in the HTML":    regexp.MustCompile(`<script>|<style|\sstyle=|\son[a-z]+=["']`),
	"something about who is reachable": regexp.MustCompile(`v1/(?:bindings|where|trace)|(?i)\baor\b|contact`),
}

func TestFilesStandAlone(t *testing.T) {
	all, err := fs.ReadDir(files, folder)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	for _, f := range all {
		b, err := files.ReadFile(folder + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "http://www.w3.org/2000/svg", "") // a name, not an address
		for what, pattern := range forbidden {
			if found := pattern.FindString(text); found != "" {
				t.Errorf("%s has %s: %q", f.Name(), what, found)
			}
		}
	}
}
