package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// maxLedgerName is how many bytes of a store's URL go into a ledger's name.
const maxLedgerName = 100

// DefaultLedger is where the ledger of a store is kept unless somebody says
// otherwise: under the service's own folder when run by systemd
// ($STATE_DIRECTORY), else under $XDG_STATE_HOME/logstow, else under
// ~/.local/state/logstow. Two stores never share one, and the same store has
// the same one whatever its URL's query says; but another endpoint is another
// store.
func DefaultLedger(storeURL string, env []string) (string, error) {
	folder, err := stateFolder(newEnvironment(env))
	if err != nil {
		return "", err
	}
	u, err := url.Parse(storeURL)
	if err != nil {
		return "", fmt.Errorf("name the ledger of %q: not a URL", withoutSecrets(storeURL))
	}
	identity := strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/")
	name := safeName(identity)
	if endpoint := u.Query().Get("endpoint"); endpoint != "" {
		identity += "\n" + strings.TrimRight(endpoint, "/")
	}
	sum := sha256.Sum256([]byte(identity))
	return filepath.Join(folder, name+"-"+hex.EncodeToString(sum[:4])+".db"), nil
}

func stateFolder(env environment) (string, error) {
	// systemd sets several, joined by colons, where a unit has several.
	if dir, _, _ := strings.Cut(env["STATE_DIRECTORY"], ":"); filepath.IsAbs(dir) {
		return dir, nil
	}
	// By the XDG specification a relative path is to be ignored.
	if dir := env["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "logstow"), nil
	}
	if home := env["HOME"]; filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "logstow"), nil
	}
	return "", errors.New("no folder for the ledger: $HOME is not set; name the ledger with --ledger or LOGSTOW_LEDGER")
}

// safeName is s as a part of a file's name: letters, digits, dots and single
// dashes.
func safeName(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := b.String()
	if len(name) > maxLedgerName {
		name = name[:maxLedgerName]
	}
	return strings.Trim(name, "-")
}
