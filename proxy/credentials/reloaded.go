package credentials

import (
	"os"
	"sync"
)

// maxSmall bounds files of a connection, a token or certificates, in bytes.
const maxSmall = 256 << 10

// reloaded is what is made of some files, and made anew when they have changed. The kubelet and careful writers replace
// them; looking costs a stat of each. Safe for concurrent use.
type reloaded[T any] struct {
	paths []string
	build func(contents [][]byte) (T, error)
	drop  func(T) // of what is replaced; may be nil

	mu    sync.Mutex
	state string
	fault error // why nothing could be made of the files as they are
	value T
	built bool
}

// get returns what is made of the files as they are. If they cannot be read, or nothing can be made of them, that is what
// was made before, and the error only if there was nothing. What nothing can be made of is tried again when it has changed.
func (r *reloaded[T]) get() (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, err := r.look()
	if err == nil && (now != r.state || !r.built && r.fault == nil) {
		r.state, r.fault = now, r.load()
	}
	if err == nil {
		err = r.fault
	}
	if r.built {
		return r.value, nil
	}
	return r.value, err
}

func (r *reloaded[T]) look() (string, error) {
	var all []member
	for _, path := range r.paths {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		all = append(all, member{path, info})
	}
	return state(all), nil
}

func (r *reloaded[T]) load() error {
	var contents [][]byte
	for _, path := range r.paths {
		content, err := readFile(path, maxSmall)
		if err != nil {
			return err
		}
		contents = append(contents, content)
	}
	value, err := r.build(contents)
	if err != nil {
		return err
	}
	if r.built && r.drop != nil {
		r.drop(r.value)
	}
	r.value, r.built = value, true
	return nil
}
