package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sipring/sipring/proxy/config"
)

// maxKeyFile bounds what is read as keys, in bytes.
const maxKeyFile = 64 << 10

// readKeys reads keys.json.
func readKeys(path string) (*config.Keys, error) {
	content, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	return parseKeys(path, content)
}

func parseKeys(path string, content []byte) (*config.Keys, error) {
	keys, err := config.ParseKeys(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// readKeyFile reads a file of keys, and refuses one that others than this process
// and root could have read.
func readKeyFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe without a writer is no reason to wait
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no cluster keys in %s: make them with `(umask 077; sipring keys > keys.json)` and give every member the same", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if err := checkKeyFile(path, info, os.Geteuid()); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if len(content) > maxKeyFile {
		return nil, fmt.Errorf("keys: %s has more than %d bytes", path, maxKeyFile)
	}
	return content, nil
}

// checkKeyFile judges who may read the file, beside the user of this process. Its group may where root owns it and
// lets this process, which is not root, read it that way; nobody else may. In a
// volume of the kubelet the mode is what the pod's manifest says, and who is not in
// the pod does not get to the file: it is not judged there.
func checkKeyFile(path string, info fs.FileInfo, user int) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("keys: %s is no regular file", path)
	}
	allowed := fs.FileMode(0o700)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == 0 && user != 0 {
		allowed |= 0o040
	}
	mode := info.Mode().Perm()
	if mode&^allowed == 0 || inVolume(path) {
		return nil
	}
	return fmt.Errorf("keys: %s has mode %04o: others than its owner can read or write it, and could pass for a member: chmod 600 %s, and make new keys if anybody may have read these", path, mode, path)
}

// inVolume tells whether the kubelet wrote the file: in its volumes every file is
// a link by way of ..data, which it swaps.
func inVolume(path string) bool {
	to, err := os.Readlink(path)
	if err != nil || filepath.Dir(to) != "..data" {
		return false
	}
	data, err := os.Lstat(filepath.Join(filepath.Dir(path), "..data"))
	return err == nil && data.Mode()&fs.ModeSymlink != 0
}
