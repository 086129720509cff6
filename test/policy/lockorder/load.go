package lockorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program is the source that is looked at, with its types.
type Program struct {
	fset   *token.FileSet
	module string
	files  []*ast.File
	info   *types.Info
	pkgs   map[string]*types.Package
	bodies map[node]*ast.BlockStmt
	points map[*types.Var]map[node]bool
	copies map[*types.Var]map[*types.Var]bool
	named  []*types.Named
	impls  map[*types.Func][]node
}

// node is a function: a *types.Func or an *ast.FuncLit.
type node any

// listed is what the go command says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	Module                  *struct {
		Path string
		Main bool
	}
}

// Load reads the packages of the module in dir that the patterns name, and what
// they import of the module.
func Load(dir string, patterns ...string) (*Program, error) {
	cmd := exec.Command("go", append([]string{"list", "-deps", "-export", "-json=ImportPath,Dir,Export,GoFiles,Module"}, patterns...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	p := &Program{fset: token.NewFileSet(), pkgs: map[string]*types.Package{}, bodies: map[node]*ast.BlockStmt{},
		points: map[*types.Var]map[node]bool{}, copies: map[*types.Var]map[*types.Var]bool{}, impls: map[*types.Func][]node{},
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
			Selections: map[*ast.SelectorExpr]*types.Selection{}, Implicits: map[ast.Node]types.Object{}}}
	if err := p.check(strings.NewReader(string(out))); err != nil {
		return nil, err
	}
	p.collect()
	return p, nil
}

// check types the module's packages from source, in the order of the list,
// which has what is imported first; the others' types come compiled.
func (p *Program) check(list io.Reader) error {
	exports := map[string]string{}
	others := importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	conf := types.Config{Importer: importFunc(func(path string) (*types.Package, error) {
		if pkg := p.pkgs[path]; pkg != nil {
			return pkg, nil
		}
		return others.Import(path)
	})}
	for dec := json.NewDecoder(list); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		exports[l.ImportPath] = l.Export
		if l.Module == nil || !l.Module.Main {
			continue
		}
		p.module = l.Module.Path
		if err := p.parse(&conf, &l); err != nil {
			return err
		}
	}
}

func (p *Program) parse(conf *types.Config, l *listed) error {
	var files []*ast.File
	for _, name := range l.GoFiles {
		f, err := parser.ParseFile(p.fset, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	pkg, err := conf.Check(l.ImportPath, p.fset, files, p.info)
	p.pkgs[l.ImportPath] = pkg
	p.files = append(p.files, files...)
	return err
}

type importFunc func(path string) (*types.Package, error)

func (f importFunc) Import(path string) (*types.Package, error) { return f(path) }

// ours reports whether the module declares it.
func (p *Program) ours(o types.Object) bool { return o.Pkg() != nil && p.pkgs[o.Pkg().Path()] != nil }

// at is a position as file:line.
func (p *Program) at(pos token.Pos) string {
	where := p.fset.Position(pos)
	return fmt.Sprintf("%s:%d", filepath.Base(where.Filename), where.Line)
}

// short is a package's path within the module.
func (p *Program) short(pkg *types.Package) string {
	if pkg.Path() == p.module {
		return pkg.Name()
	}
	return strings.TrimPrefix(pkg.Path(), p.module+"/")
}

// name is a function's for people.
func (p *Program) name(n node) string {
	switch n := n.(type) {
	case *types.Func:
		if recv := n.Signature().Recv(); recv != nil {
			return p.typeName(recv.Type()) + "." + n.Name()
		}
		return p.short(n.Pkg()) + "." + n.Name()
	case *ast.FuncLit:
		return "func at " + p.at(n.Pos())
	}
	return "?"
}

// typeName is a named type's, "tcp.Conn", or that of its pointer; "" if it has none.
func (p *Program) typeName(t types.Type) string {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil {
		return p.short(n.Obj().Pkg()) + "." + n.Obj().Name()
	}
	return ""
}
