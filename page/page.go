package page

import (
	"embed"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

//go:embed files
var files embed.FS

const (
	folder = "files"
	// policy lets the page load what comes from where it came from itself, and
	// nothing else; no text becomes a script, and no other site frames it.
	policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// Handle has the mux serve the page at / and what it loads below /page/.
func Handle(mux *http.ServeMux) {
	all, err := fs.ReadDir(files, folder)
	if err != nil {
		panic(fmt.Sprintf("page: %v", err)) // a fault of the program: they are part of it
	}
	for _, f := range all {
		text, err := files.ReadFile(path.Join(folder, f.Name()))
		if err != nil {
			panic(fmt.Sprintf("page: %v", err))
		}
		at := "GET /page/" + f.Name()
		if f.Name() == "index.html" {
			at = "GET /{$}"
		}
		mux.HandleFunc(at, serve(f.Name(), text))
	}
}

// types are those of the files, whatever the machine takes them for.
var types = map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

func serve(name string, text []byte) http.HandlerFunc {
	contentType := mime.FormatMediaType(types[path.Ext(name)], map[string]string{"charset": "utf-8"})
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache") // a proxy of another version may be next
		_, _ = w.Write(text)
	}
}
