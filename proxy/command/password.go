package command

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
)

const (
	// maxPassword bounds a password, in bytes.
	maxPassword = 1024
	// maxChecked bounds a file that is checked, in bytes: a proxy reads no larger one.
	maxChecked = 64 << 20
)

// password is what the command is told.
type password struct {
	realm, aors string
	algorithms  []string
	check       []string
}

// Password returns the command that prints the lines of a user's credentials, and checks files of such lines.
func Password() *cobra.Command {
	var p password
	cmd := &cobra.Command{
		Use:   "password USER",
		Short: "Print the lines of a user's credentials, or check files of them",
		Long: `Print lines of credentials, user:realm:hash, one for each algorithm: the content
of a Secret or of a file that spec.authentication or authentication.credentials.files
of a proxy names. htdigest writes such lines too, for MD5.

USER is the user name as the phone sends it, with or without a domain. The realm
is, unless the configuration has another, the domain of the user's address; of a
USER with a domain that is the default. The password is asked for; where standard
input is no terminal it is its first line.

Who has a line can register as that user: keep it as secret as the password.

With --check nothing is printed but the lines of the files that a proxy refuses,
by number, and how many users the others have.`,
		Example: `  sipring password alice --realm example.com >>users
  sipring password alice --realm example.com --aor 100@example.com,sales@example.com <password.txt
  kubectl create secret generic users --from-file=users
  sipring password --check users`,
		Args:         cobra.MaximumNArgs(1),
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(p.check) > 0 {
				if len(args) > 0 {
					return usageError{errors.New("--check takes no USER")}
				}
				return checkFiles(cmd.OutOrStdout(), p.check)
			}
			return p.print(cmd, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.realm, "realm", "", "realm of the challenges, as a rule the domain")
	f.StringVar(&p.aors, "aor", "", "further addresses-of-record of the user, with commas between them")
	f.StringSliceVar(&p.algorithms, "algorithm", []string{config.AlgorithmSHA256, config.AlgorithmMD5}, "algorithms, each a line")
	f.StringSliceVar(&p.check, "check", nil, "files to check")
	return cmd
}

// print prints the lines of a user.
func (p *password) print(cmd *cobra.Command, args []string) error {
	username, realm, err := p.names(args)
	if err != nil {
		return usageError{err}
	}
	algorithms, err := p.chosen()
	if err != nil {
		return usageError{err}
	}
	secret, err := readPassword(cmd.InOrStdin(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	var lines []byte
	for _, a := range algorithms {
		lines = fmt.Appendf(lines, "%s:%s:%x", username, realm, digest.HA1(a, []byte(username), []byte(realm), secret))
		if p.aors != "" {
			lines = append(append(lines, ':'), p.aors...)
		}
		lines = append(lines, '\n')
	}
	credentials.Check(lines, func(_ int, bad error) { err = usageError{bad} })
	if err == nil {
		_, err = cmd.OutOrStdout().Write(lines)
	}
	return err
}

// names are the user name and the realm.
func (p *password) names(args []string) (username, realm string, err error) {
	if len(args) == 0 {
		return "", "", errors.New("a USER is needed, or --check")
	}
	username, realm = args[0], p.realm
	if realm == "" {
		realm = username[strings.LastIndexByte(username, '@')+1:]
		if realm == username {
			return "", "", errors.New("--realm is needed for a USER without a domain: as a rule it is the domain of the user's address")
		}
	}
	if strings.ContainsAny(username+realm, ":\r\n") {
		return "", "", errors.New("neither user name nor realm can have a colon or the end of a line in it")
	}
	if strings.HasPrefix(username, "#") || strings.TrimSpace(username) != username {
		return "", "", errors.New("a user name cannot begin with # or a space, or end with one, in a file")
	}
	return username, realm, nil
}

func (p *password) chosen() (all []digest.Algorithm, err error) {
	known := map[string]digest.Algorithm{config.AlgorithmMD5: digest.MD5, config.AlgorithmSHA256: digest.SHA256}
	for _, name := range p.algorithms {
		a, ok := known[strings.ToUpper(name)]
		if !ok {
			return nil, fmt.Errorf("--algorithm is %s and %s, not %q", config.AlgorithmSHA256, config.AlgorithmMD5, name)
		}
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("--algorithm names none")
	}
	return all, nil
}

// readPassword asks for a password, twice, if in is a terminal. Else it is the first line.
func readPassword(in io.Reader, prompt io.Writer) ([]byte, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return promptPassword(prompt, func() ([]byte, error) { return term.ReadPassword(int(f.Fd())) })
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxPassword+2)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read password: %w", err)
	}
	return checkPassword(bytes.TrimRight(line, "\r\n"))
}

func promptPassword(prompt io.Writer, read func() ([]byte, error)) ([]byte, error) {
	var typed [2][]byte
	for i, text := range []string{"Password: ", "Again: "} {
		if _, err := io.WriteString(prompt, text); err != nil {
			return nil, err
		}
		var err error
		typed[i], err = read()
		if err != nil {
			return nil, fmt.Errorf("read password: %w", err)
		}
		if _, err := io.WriteString(prompt, "\n"); err != nil { // which was not echoed either
			return nil, err
		}
	}
	if !bytes.Equal(typed[0], typed[1]) {
		return nil, errors.New("the passwords differ")
	}
	return checkPassword(typed[0])
}

func checkPassword(secret []byte) ([]byte, error) {
	if len(secret) == 0 || len(secret) > maxPassword {
		return nil, fmt.Errorf("the password is not 1 to %d bytes long", maxPassword)
	}
	return secret, nil
}

// checkFiles prints what of files a proxy refuses.
func checkFiles(out io.Writer, paths []string) error {
	bad := 0
	for _, path := range paths {
		content, err := readChecked(path)
		if err != nil {
			return err
		}
		users := credentials.Check(content, func(line int, err error) {
			bad++
			_, _ = fmt.Fprintf(out, "%s:%d: %v\n", path, line, err) // as for the last line below
		})
		if _, err := fmt.Fprintf(out, "%s: %d users\n", path, users); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d lines are refused", bad)
	}
	return nil
}

func readChecked(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxChecked+1))
	if err == nil && len(content) > maxChecked {
		err = fmt.Errorf("%s has more than %d bytes", path, maxChecked)
	}
	return content, err
}
