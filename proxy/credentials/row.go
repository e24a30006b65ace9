package credentials

import (
	"errors"
	"fmt"
	"strings"
)

// row is what a query gives, by column.
type row map[string]any

// text is a column's value, without the spaces that a column of fixed width has behind it, as OpenSIPS' are.
func (r row) text(column string) (string, error) {
	switch s := r[column].(type) {
	case nil:
		return "", nil
	case string:
		return strings.TrimSpace(s), nil
	}
	return "", fmt.Errorf("postgres: column %s is not text", column)
}

// hash is what the first column has, or the second for a user name with a domain.
func (r row) hash(names [2]string, withDomain bool) (string, error) {
	if withDomain {
		if hash, err := r.text(names[1]); hash != "" || err != nil {
			return hash, err
		}
	}
	return r.text(names[0])
}

// add adds to what is found. ha1 is a hash of "user:domain:password", ha1b one of "user@domain:domain:password", which is
// what phones make that have the domain in their user name. Where there is no ha1b ha1 is taken. Which algorithm it is of
// its length says: Kamailio keeps SHA-256 in these columns too.
func (r row) add(f *finding, withDomain bool) error {
	for _, names := range [][2]string{{"ha1", "ha1b"}, {"ha1_sha256", "ha1b_sha256"}} {
		hash, err := r.hash(names, withDomain)
		if err != nil {
			return err
		}
		if hash == "" {
			continue
		}
		var c Credential
		if err := c.setHash([]byte(hash)); err != nil {
			return fmt.Errorf("postgres: column %s: %w", names[0], err)
		}
		f.is.add(&c)
	}
	return r.addAORs(f)
}

// addAORs takes the column aor: text, or an array of it.
func (r row) addAORs(f *finding) (err error) {
	switch aor := r["aor"].(type) {
	case nil:
	case string:
		if aor = strings.TrimSpace(aor); aor != "" {
			f.is.AORs, err = addAOR(f.is.AORs, []byte(aor))
		}
	case []any:
		for _, one := range aor {
			s, ok := one.(string)
			if !ok {
				return errors.New("postgres: column aor: an array of something else than text")
			}
			if f.is.AORs, err = addAOR(f.is.AORs, []byte(s)); err != nil {
				return err
			}
		}
	default:
		return errors.New("postgres: column aor: neither text nor an array of it")
	}
	return err
}
