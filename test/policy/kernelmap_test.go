package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var codeSpan = regexp.MustCompile("`([^`]+)`")

// TestEveryNameInTheMapsExists reads the last column of the tables in
// docs/kernel-map.md and docs/embedding.md: each code span there is a file, or a
// Go name written package.Name or package.Type.Member.
func TestEveryNameInTheMapsExists(t *testing.T) {
	checkNames(t, "kernel-map.md", 3, 60)
	checkNames(t, "embedding.md", 2, 20)
}

// checkNames reads tables of so many columns, or more.
func checkNames(t *testing.T, doc string, columns, least int) {
	top := root(t)
	text, err := os.ReadFile(filepath.Join(top, "docs", doc))
	require.NoError(t, err)
	names := namesOf(t, top)
	found := 0
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) < columns {
			continue
		}
		for _, m := range codeSpan.FindAllStringSubmatch(cells[len(cells)-1], -1) {
			found++
			require.True(t, exists(top, names, m[1]), "docs/%s names %s, which does not exist", doc, m[1])
		}
	}
	require.Greater(t, found, least, "docs/%s has lost its names", doc)
}

func exists(top string, names map[string]bool, name string) bool {
	if strings.Contains(name, "/") && strings.HasSuffix(name, ".go") {
		_, err := os.Stat(filepath.Join(top, name))
		return err == nil
	}
	return names[name]
}

// namesOf collects package.Name, package.Type.Method and package.Type.Field of
// all packages of the stack.
func namesOf(t *testing.T, top string) map[string]bool {
	names := map[string]bool{}
	for dir := range importsOf(t, top) {
		files, err := filepath.Glob(filepath.Join(top, dir, "*.go"))
		require.NoError(t, err)
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, d := range file.Decls {
				declared(names, file.Name.Name, d)
			}
		}
	}
	return names
}

func declared(names map[string]bool, pkg string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		names[pkg+"."+receiver(d)+d.Name.Name] = true
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				names[pkg+"."+s.Name.Name] = true
				members(names, pkg+"."+s.Name.Name+".", s.Type)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names[pkg+"."+n.Name] = true
				}
			}
		}
	}
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

func members(names map[string]bool, prefix string, typ ast.Expr) {
	var list *ast.FieldList
	switch typ := typ.(type) {
	case *ast.StructType:
		list = typ.Fields
	case *ast.InterfaceType:
		list = typ.Methods
	default:
		return
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			names[prefix+n.Name] = true
		}
	}
}
