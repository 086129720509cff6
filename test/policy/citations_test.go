package policy

import (
	"bytes"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/requirements.md anew")

// citation is a section of an RFC.
type citation struct{ rfc, section string }

func (c citation) String() string { return "RFC " + c.rfc + " " + c.section }

var (
	citesRFC = regexp.MustCompile(`RFC (\d{3,5})((?:(?:,| and| to|;|)\s+(?:[A-Z]\.)?\d{1,2}(?:\.\d+)*\b)*)`)
	citesSec = regexp.MustCompile(`(?:[A-Z]\.)?\d+(?:\.\d+)*`)
	wrapped  = regexp.MustCompile(`\n\s*//`)
)

// citationsIn returns the sections that a text cites. A comment may wrap inside
// a citation.
func citationsIn(text string) []citation {
	text = wrapped.ReplaceAllString(text, "")
	var all []citation
	for _, m := range citesRFC.FindAllStringSubmatch(text, -1) {
		for _, s := range citesSec.FindAllString(m[2], -1) {
			all = append(all, citation{m[1], s})
		}
	}
	return all
}

// comments returns what a file says in comments, each on a line. A test cites a
// section there: that its name stands in a string which the test expects, or
// feeds to what it tests, is no test of the section.
func comments(path string, text []byte) (string, error) {
	var b strings.Builder
	if strings.HasSuffix(path, ".pkt") {
		for line := range strings.Lines(string(text)) {
			_, said, found := strings.Cut(line, "//")
			b.WriteString(strings.TrimSuffix(said, "\n"))
			if !found {
				b.WriteString("\n")
			}
		}
		return b.String(), nil
	}
	f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	for _, g := range f.Comments {
		b.WriteString(strings.ReplaceAll(g.Text(), "\n", " ") + "\n")
	}
	return b.String(), nil
}

// cited maps each section to the files that cite it.
func cited(t *testing.T, in func(path string) bool) map[citation][]string {
	found := map[citation][]string{}
	top := root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != top {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return err
		}
		rel, _ := filepath.Rel(top, path)
		if d.IsDir() || !in(filepath.ToSlash(rel)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		said := string(text)
		if isTest(filepath.ToSlash(rel)) {
			if said, err = comments(rel, text); err != nil {
				return err
			}
		}
		seen := map[citation]bool{}
		for _, c := range citationsIn(said) {
			if !seen[c] {
				seen[c] = true
				found[c] = append(found[c], filepath.ToSlash(rel))
			}
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

func isTest(path string) bool {
	return strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "test/") && (strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".pkt"))
}

func isCode(path string) bool { return strings.HasSuffix(path, ".go") && !isTest(path) }

// What the code cites, a test cites as well: docs/requirements.md lists both.
func TestEverySectionThatTheCodeCitesIsTested(t *testing.T) {
	code, tests := cited(t, isCode), cited(t, isTest)
	var bare []string
	for c, files := range code {
		if len(tests[c]) == 0 {
			bare = append(bare, fmt.Sprintf("%v (%s)", c, strings.Join(files, " ")))
		}
	}
	sort.Strings(bare)
	require.Empty(t, bare, "%d sections are cited in code and in no test:\n%s", len(bare), strings.Join(bare, "\n"))
}

// docs/requirements.md is generated.
func TestRequirementsDocumentIsCurrent(t *testing.T) {
	path := filepath.Join(root(t), "docs", "requirements.md")
	doc := requirements(cited(t, isCode), cited(t, isTest))
	if *update {
		require.NoError(t, os.WriteFile(path, doc, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(doc), "run go test ./test/policy -update")
}

func requirements(code, tests map[citation][]string) []byte {
	keys := make([]citation, 0, len(code))
	for c := range code {
		keys = append(keys, c)
	}
	sort.Slice(keys, func(i, j int) bool { return less(keys[i], keys[j]) })
	var b bytes.Buffer
	b.WriteString("# Which requirement is where\n\nThe sections of RFCs that the code cites, and the tests that cite them, too. Generated\n" +
		"(`go test ./test/policy -update`); a section without a test fails.\n\n| section | code | tests |\n|---|---|---|\n")
	for _, c := range keys {
		fmt.Fprintf(&b, "| %v | %s | %s |\n", c, strings.Join(code[c], "<br>"), strings.Join(tests[c], "<br>"))
	}
	return b.Bytes()
}

// less orders by number, section part by part.
func less(a, b citation) bool {
	if a.rfc != b.rfc {
		return len(a.rfc) < len(b.rfc) || len(a.rfc) == len(b.rfc) && a.rfc < b.rfc
	}
	x, y := strings.Split(a.section, "."), strings.Split(b.section, ".")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return len(x[i]) < len(y[i]) || len(x[i]) == len(y[i]) && x[i] < y[i]
		}
	}
	return len(x) < len(y)
}

func TestCitationsAreFound(t *testing.T) {
	require.Equal(t, []citation{{"9293", "3.10.7.4"}, {"5961", "3.2"}, {"5961", "4.2"}, {"7413", "A.1"}, {"793", "3.1"}},
		citationsIn("// RFC 9293\n// 3.10.7.4 step 5, RFC 5961 3.2 and 4.2; RFC 3168, RFC 7413 A.1. RFC 793 3.1) 7"))
}

func TestATestCitesInCommentsOnly(t *testing.T) {
	said, err := comments("a_test.go", []byte("package a\n\n// RFC 793\n// 3.1\nvar a = \"RFC 793 3.2\" // RFC 793 3.3\n"))
	require.NoError(t, err)
	require.Equal(t, []citation{{"793", "3.1"}, {"793", "3.3"}}, citationsIn(said))
	said, err = comments("a.pkt", []byte("// RFC 793\n// 3.1\n+0 < S 0:0(0) // RFC 793 3.3\n"))
	require.NoError(t, err)
	require.Equal(t, []citation{{"793", "3.1"}, {"793", "3.3"}}, citationsIn(said))
}
