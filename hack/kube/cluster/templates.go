//go:build linux

package cluster

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"os"
	"text/template"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.ParseFS(templateFiles, "templates/*"))

// render writes the template of that name, filled with data, to path.
func render(path, name string, data any) error {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// clientConfig is a kubeconfig as text.
func clientConfig(server string, ca, cert, key []byte) []byte {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: local
  cluster: {server: %q, certificate-authority-data: %s}
users:
- name: local
  user: {client-certificate-data: %s, client-key-data: %s}
contexts:
- name: local
  context: {cluster: local, user: local}
current-context: local
`, server, encode(ca), encode(cert), encode(key))
}
