package credentials

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestPageShowsWhatIsTaken: the lines and the answer of docs/authentication.md are such as
// a proxy takes, and its question such as one asks.
func TestPageShowsWhatIsTaken(t *testing.T) {
	text, err := os.ReadFile("../../docs/authentication.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(holds string) string {
		for i, part := range strings.Split(string(text), "```") {
			if i%2 == 1 && strings.Contains(part, holds) {
				return part
			}
		}
		t.Fatalf("no block has %q", holds)
		return ""
	}
	if users := Check([]byte(block("# user:realm:hash")), func(n int, err error) { t.Errorf("line %d: %v", n, err) }); users != 2 {
		t.Errorf("its lines have %d users", users)
	}
	_, question, _ := strings.Cut(block("POST "), "\n\n")
	question, answer, _ := strings.Cut(question, "\n\nHTTP/1.1 200 OK\n\n")
	if found, err := parseAnswer([]byte(answer)); err != nil || !found.is.HasMD5 || !found.is.HasSHA256 || len(found.is.AORs) != 1 || found.life == 0 {
		t.Errorf("its answer: %v %v", found.known, err)
	}
	var shown, sent map[string]string
	if err := json.Unmarshal([]byte(question), &shown); err != nil {
		t.Fatalf("its question: %v", err)
	}
	body, err := json.Marshal(asked{Username: "a", Realm: "r", Method: "REGISTER", Source: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	if a, b := slices.Sorted(maps.Keys(shown)), slices.Sorted(maps.Keys(sent)); !slices.Equal(a, b) {
		t.Errorf("its question has %v, sent is %v", a, b)
	}
}
