package credentials

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const (
	// maxSecret bounds the files of a directory together, in bytes: a Secret has no more.
	maxSecret = 1 << 20
	// maxTotal bounds everything that is read, in bytes.
	maxTotal = 64 << 20
	// maxFiles bounds the files of a directory.
	maxFiles = 4096
)

// member is a file of a path: the path itself, or what is in it if it is a directory.
type member struct {
	name string
	info fs.FileInfo // of what links lead to
}

// members lists the files of a path, as links lead to them: of a directory those whose names do not begin with a dot. The
// kubelet has its own files under such names, and each key of a Secret as a link.
func members(path string) ([]member, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []member{{path, info}}, nil
	}
	names, err := names(path)
	if err != nil {
		return nil, err
	}
	var all []member
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue
		}
		file := filepath.Join(path, name)
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() {
			all = append(all, member{file, info})
		}
	}
	return all, nil
}

// names are those of a directory's entries, in order.
func names(path string) ([]string, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	entries, err := dir.ReadDir(maxFiles + 1)
	if err != nil && err != io.EOF { //nolint:errorlint // ReadDir returns it as it is
		return nil, err
	}
	if len(entries) > maxFiles {
		return nil, fmt.Errorf("read %s: more than %d files", path, maxFiles)
	}
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = e.Name()
	}
	slices.Sort(all)
	return all, nil
}

// state tells whether a path has changed: names, sizes, times and inodes of its files.
func state(all []member) string {
	var b strings.Builder
	for _, m := range all {
		fmt.Fprintln(&b, m.name, m.info.Size(), m.info.ModTime().UnixNano())
		if s, ok := m.info.Sys().(*syscall.Stat_t); ok {
			fmt.Fprintln(&b, s.Ino, s.Ctim)
		}
	}
	return b.String()
}

// readFile reads a file of limit bytes at most.
func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe without a writer is no reason to wait
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: no regular file", path)
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("read %s: more than the %d bytes it had", path, limit)
	}
	return content, nil
}
