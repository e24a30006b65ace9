package fleet

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/proxy/config"
)

// MembersFile is where the member set is, in the folder that WriteFiles filled.
func MembersFile(dir string) string { return filepath.Join(dir, config.MembersKey) }

// WriteFiles writes what proxies are started with: their configuration, fresh
// keys, and a member set without members.
func WriteFiles(dir string, c config.Config, advertise string, ring config.Ring) error {
	configuration, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	keys, err := config.NewKeys().Marshal()
	if err != nil {
		return err
	}
	empty, err := (&config.MemberSet{Advertise: advertise, Ring: ring}).Marshal()
	if err != nil {
		return err
	}
	for path, content := range map[string][]byte{configFile(dir): configuration, keysFile(dir): keys, MembersFile(dir): empty} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Member is the proxy of that index, in the network and with the files of dir,
// to be started. Its name is proxy-INDEX, more are further flags.
func Member(n *Network, dir string, index int, more ...string) *Process {
	p := &Process{ID: uint32(index + 1), Name: fmt.Sprintf("proxy-%d", index), Address: n.Proxy(index)}
	p.Admin = fmt.Sprintf("http://%s:%d", p.Address, n.Ports.Admin)
	p.Health = fmt.Sprintf("http://%s:%d", p.Address, n.Ports.Health)
	p.Args = append([]string{
		"proxy", "--name", p.Name, "--address", p.Address.String(),
		"--config", configFile(dir), "--members", MembersFile(dir), "--keys", keysFile(dir),
	}, more...)
	return p
}

func configFile(dir string) string { return filepath.Join(dir, config.ConfigKey) }
func keysFile(dir string) string   { return filepath.Join(dir, config.KeysKey) }
