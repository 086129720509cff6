package policy

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// linked is what an embedder pays for: the modules beside our own, by package
// and system. It grows by a decision in docs/decisions/002-dependencies.md.
var linked = map[string]map[string][]string{
	".": {
		"linux":   {"github.com/songgao/water", "golang.org/x/net", "golang.org/x/sys"},
		"darwin":  {"github.com/songgao/water", "golang.org/x/net"},
		"windows": {"github.com/songgao/water", "golang.org/x/net", "golang.org/x/sys"},
	},
	"./resolver": {
		"linux": {"github.com/songgao/water", "golang.org/x/net", "golang.org/x/sys"},
	},
	"./netstack": {
		"linux": {"github.com/songgao/water", "golang.org/x/net", "golang.org/x/sys", "golang.zx2c4.com/wireguard"},
	},
	"./dhcp": {
		"linux": {"github.com/insomniacslk/dhcp", "github.com/josharian/native", "github.com/pierrec/lz4/v4",
			"github.com/songgao/water", "github.com/u-root/uio", "golang.org/x/net", "golang.org/x/sys"},
	},
}

func TestAnEmbedderLinksTheseModulesOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it has the go command list six builds")
	}
	for pkg, systems := range linked {
		for system, want := range systems {
			modules, packages := links(t, pkg, system)
			require.Equal(t, want, modules, "%s on %s", pkg, system)
			for _, h := range heavy {
				if pkg == "." {
					require.NotContains(t, packages, h, "on %s", system)
				}
			}
		}
	}
}

// links lists what a program that imports pkg links: modules other than ours,
// and all packages.
func links(t *testing.T, pkg, system string) (modules, packages []string) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", pkg)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		packages = append(packages, f[0])
		if len(f) > 1 && f[1] != module && !slices.Contains(modules, f[1]) {
			modules = append(modules, f[1])
		}
	}
	slices.Sort(modules)
	return modules, packages
}
