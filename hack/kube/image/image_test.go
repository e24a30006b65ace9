package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const reference = "example.com/echo:1"

// example writes the inputs of an image to a fresh directory.
func example(t *testing.T) Image {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"echo": "binary", "roots.pem": "certificates"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Image{
		Name:   reference,
		Binary: filepath.Join(dir, "echo"),
		Args:   []string{"-v"},
		Files:  map[string]string{"/etc/ssl/certs/ca.pem": filepath.Join(dir, "roots.pem")},
	}
}

func write(t *testing.T, i Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := Write(path, i); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImageHoldsWhatItWasTold(t *testing.T) {
	image, err := tarball.ImageFromPath(write(t, example(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{Entrypoint: []string{"/echo"}, Cmd: []string{"-v"}, User: NonRoot}
	if diff := cmp.Diff(want, file.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if file.OS != "linux" || file.Architecture == "" {
		t.Errorf("platform %q/%q", file.OS, file.Architecture)
	}
	files := map[string]string{"tmp": "", "echo": "binary", "etc/ssl/certs/ca.pem": "certificates"}
	if diff := cmp.Diff(files, contents(t, image)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func contents(t *testing.T, image v1.Image) map[string]string {
	t.Helper()
	root := mutate.Extract(image)
	defer root.Close()
	files := map[string]string{}
	for r := tar.NewReader(root); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(content)
	}
}

func TestSameInputGivesSameBytes(t *testing.T) {
	i := example(t)
	first, err := os.ReadFile(write(t, i))
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(write(t, i))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two images of one input differ")
	}
}

func TestImageThatCannotBe(t *testing.T) {
	tests := map[string]func(*Image){
		"name that is none":     func(i *Image) { i.Name = "UPPER CASE" },
		"binary not there":      func(i *Image) { i.Binary += ".none" },
		"file not there":        func(i *Image) { i.Files = map[string]string{"/x": "/nonexistent"} },
		"file at relative path": func(i *Image) { i.Files = map[string]string{"x": i.Binary} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			i := example(t)
			change(&i)
			if err := Write(filepath.Join(t.TempDir(), "image.tar"), i); err == nil {
				t.Error("written without an error")
			}
		})
	}
}
