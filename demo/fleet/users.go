package fleet

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/digest"
)

// Passwords are those of users, by name.
type Passwords map[string]string

// NewPasswords makes one for each user.
func NewPasswords(users ...string) Passwords {
	p := Passwords{}
	for _, u := range users {
		p.Add(u)
	}
	return p
}

// Add makes one for the user.
func (p Passwords) Add(user string) { p[user] = rand.Text() }

// Lines are the users' credentials for a realm, as htdigest writes them and for SHA-256
// too.
func (p Passwords) Lines(realm string) (lines []byte) {
	for _, u := range slices.Sorted(maps.Keys(p)) {
		for _, a := range []digest.Algorithm{digest.MD5, digest.SHA256} {
			lines = fmt.Appendf(lines, "%s:%s:%x\n", u, realm, digest.HA1(a, []byte(u), []byte(realm), []byte(p[u])))
		}
	}
	return lines
}

// WriteUsers writes the users' credentials for a realm into dir and returns the
// configuration by which they are asked for.
func WriteUsers(dir, realm string, p Passwords) (*config.Authentication, error) {
	path := filepath.Join(dir, "users")
	return &config.Authentication{Credentials: config.Credentials{Files: []string{path}}}, os.WriteFile(path, p.Lines(realm), 0o600)
}
