package browser

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// SIP.js as the npm registry has it. It is of ES modules and needs no others, so that a
// browser runs it as it is.
const (
	libraryVersion   = "0.21.2"
	libraryIntegrity = "sha512-tSqTcIgrOd2IhP/rd70JablvAp+fSfLSxO4hGNY6LkWRY1SKygTO7OtJEV/BQb8oIxtMRx0LE7nUF2MaqGbFzA=="
	libraryLimit     = 4 << 20 // bytes
)

// library is SIP.js, its files. On a machine from which no registry is reached the test is
// skipped, unless that is to have everything.
func library(t *testing.T) fstest.MapFS {
	t.Helper()
	packed, err := kept(t)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("no SIP.js here: %v", err)
	}
	if sum := sha512.Sum512(packed); "sha512-"+base64.StdEncoding.EncodeToString(sum[:]) != libraryIntegrity {
		t.Fatalf("what the registry gives for SIP.js %s is something else", libraryVersion)
	}
	files, err := unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// kept is SIP.js, packed: that which is kept, where it is to be, or else what the registry has.
func kept(t *testing.T) (packed []byte, err error) {
	t.Helper()
	at := ""
	if e := given(t); e != nil {
		at = e.Library
	}
	if packed, err = os.ReadFile(at); err == nil {
		return packed, nil
	}
	packed, err = download(t.Context(), registry(t.Context())+"/sip.js/-/sip.js-"+libraryVersion+".tgz")
	if err == nil && at != "" {
		err = os.WriteFile(at, packed, 0o600)
	}
	return packed, err
}

// registry is npm's, as the machine has it configured.
func registry(ctx context.Context) string {
	if out, err := exec.CommandContext(ctx, "npm", "config", "get", "registry").Output(); err == nil {
		return strings.TrimSuffix(strings.TrimSpace(string(out)), "/")
	}
	return "https://registry.npmjs.org"
}

func download(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, libraryLimit))
}

func unpack(packed []byte) (fstest.MapFS, error) {
	in, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	files := fstest.MapFS{}
	for r := tar.NewReader(io.LimitReader(in, 10*libraryLimit)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		files[strings.TrimPrefix(h.Name, "package/")] = &fstest.MapFile{Data: data}
	}
}
