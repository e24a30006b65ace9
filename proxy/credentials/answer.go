package credentials

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// maxLife bounds what a service may say of how long its answer holds.
const maxLife = 24 * time.Hour

// answerBody is what a service says of a user.
type answerBody struct {
	HA1 struct {
		MD5    *string `json:"MD5"`
		SHA256 *string `json:"SHA-256"`
	} `json:"ha1"`
	AORs       []string `json:"aors"`
	TTLSeconds *int64   `json:"ttlSeconds"`
}

// parseAnswer reads the body of a 200. Errors do not quote it: it has secrets.
func parseAnswer(body []byte) (finding, error) {
	if len(body) > maxAnswer {
		return finding{}, fmt.Errorf("more than %d bytes", maxAnswer)
	}
	var a answerBody
	if err := json.Unmarshal(body, &a); err != nil {
		return finding{}, errors.New("not the JSON that it is to be")
	}
	f := finding{known: true}
	for length, hash := range map[int]*string{2 * len(f.is.MD5): a.HA1.MD5, 2 * len(f.is.SHA256): a.HA1.SHA256} {
		if hash == nil {
			continue
		}
		if len(*hash) != length {
			return finding{}, fmt.Errorf("a hash has %d characters, not %d", len(*hash), length)
		}
		if err := f.is.setHash([]byte(*hash)); err != nil {
			return finding{}, err
		}
	}
	if !f.is.HasMD5 && !f.is.HasSHA256 {
		return finding{}, errors.New("no hash")
	}
	for _, aor := range a.AORs {
		var err error
		if f.is.AORs, err = addAOR(f.is.AORs, []byte(aor)); err != nil {
			return finding{}, err
		}
	}
	if a.TTLSeconds != nil {
		if *a.TTLSeconds < 0 {
			return finding{}, errors.New("ttlSeconds is below 0")
		}
		f.life = time.Duration(max(1, min(*a.TTLSeconds, int64(maxLife/time.Second)))) * time.Second
	}
	return f, nil
}
