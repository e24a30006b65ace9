// Package image writes container images around one static binary, without a
// container engine.
package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// NonRoot is the user that an image runs as unless told otherwise; the number
// is the one that distroless images use.
const NonRoot = "65532:65532"

// Image says what to put into an image.
type Image struct {
	// Name is the reference, with tag, that pods use.
	Name string
	// Binary is the path of a static Linux binary; it becomes /NAME, after the
	// file's own name, and the entry point.
	Binary string
	// Args are appended to the entry point when the pod gives none.
	Args []string
	// User is the user, or user:group, by number; empty means NonRoot.
	User string
	// Files maps absolute paths in the image to files to put there, to be executed if their
	// owner may do that here.
	Files map[string]string
}

// Write builds the image and writes it to path as a tar that containerd and
// docker import. The same input gives the same bytes.
func Write(path string, i Image) error {
	tag, err := name.NewTag(i.Name)
	if err != nil {
		return fmt.Errorf("image name %q: %w", i.Name, err)
	}
	image, err := build(i)
	if err != nil {
		return fmt.Errorf("build image %s: %w", i.Name, err)
	}
	if err := tarball.WriteToFile(path, tag, image); err != nil {
		return fmt.Errorf("write image %s to %s: %w", i.Name, path, err)
	}
	return nil
}

func build(i Image) (v1.Image, error) {
	entry := "/" + filepath.Base(i.Binary)
	content, err := layer(i, entry)
	if err != nil {
		return nil, err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	l, err := tarball.LayerFromOpener(opener)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	// Unset, containerd finds no match for the machine's platform.
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config.Entrypoint = []string{entry}
	file.Config.Cmd = i.Args
	file.Config.User = i.User
	if i.User == "" {
		file.Config.User = NonRoot
	}
	return mutate.ConfigFile(image, file)
}

// layer is the tar of the root file system.
func layer(i Image, entry string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	// Programs expect a place for temporary files.
	if err := w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}); err != nil {
		return nil, err
	}
	if err := addFile(w, entry, i.Binary, 0o755); err != nil {
		return nil, err
	}
	for _, target := range slices.Sorted(maps.Keys(i.Files)) {
		if !path.IsAbs(target) {
			return nil, fmt.Errorf("file %q: want an absolute path", target)
		}
		mode := int64(0o644)
		if info, err := os.Stat(i.Files[target]); err == nil && info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		if err := addFile(w, target, i.Files[target], mode); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func addFile(w *tar.Writer, target, source string, mode int64) error {
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	header := &tar.Header{
		Name:     strings.TrimPrefix(path.Clean(target), "/"),
		Typeflag: tar.TypeReg,
		Mode:     mode,
		Size:     int64(len(content)),
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}
