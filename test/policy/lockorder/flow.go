package lockorder

import (
	"go/ast"
	"go/types"
)

// This file finds which functions a function value may be: each assignment makes
// what the right side may be flow to the variable, field or parameter on the
// left, to a fixed point. Elements count as their container.

// collect notes all functions, types and assignments, and lets values flow.
func (p *Program) collect() {
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if fn, ok := p.info.Defs[n.Name].(*types.Func); ok && n.Body != nil {
					p.bodies[fn] = n.Body
					p.results(n.Body, fn.Signature())
				}
			case *ast.FuncLit:
				p.bodies[n] = n.Body
				p.results(n.Body, p.info.Types[n].Type.(*types.Signature))
			case *ast.TypeSpec:
				if t, ok := p.info.Defs[n.Name].(*types.TypeName); ok {
					if named, ok := t.Type().(*types.Named); ok && !types.IsInterface(named) {
						p.named = append(p.named, named)
					}
				}
			}
			return true
		})
	}
	for changed := true; changed; { // calls of values found so far give parameters more
		for _, f := range p.files {
			ast.Inspect(f, func(n ast.Node) bool { p.assign(n); return true })
		}
		changed = p.settle()
	}
}

// settle copies what is known along all assignments.
func (p *Program) settle() (any bool) {
	for changed := true; changed; {
		changed = false
		for src, dsts := range p.copies {
			for f := range p.points[src] {
				for dst := range dsts {
					if p.add(dst, f) {
						changed, any = true, true
					}
				}
			}
		}
	}
	return any
}

func (p *Program) add(v *types.Var, f node) bool {
	if p.points[v] == nil {
		p.points[v] = map[node]bool{}
	}
	if p.points[v][f] {
		return false
	}
	p.points[v][f] = true
	return true
}

// flows notes that e's value may become v's.
func (p *Program) flows(v *types.Var, e ast.Expr) {
	if v == nil || !carries(p.info.TypeOf(e)) {
		return
	}
	v = v.Origin()
	funcs, vars := p.sources(e)
	for _, f := range funcs {
		p.add(v, f)
	}
	for _, src := range vars {
		if p.copies[src] == nil {
			p.copies[src] = map[*types.Var]bool{}
		}
		p.copies[src][v] = true
	}
}

// carries reports whether a type is a function's or holds some.
func carries(t types.Type) bool {
	for range 4 {
		if t == nil {
			return false
		}
		switch u := t.Underlying().(type) {
		case *types.Signature:
			return true
		case *types.Slice:
			t = u.Elem()
		case *types.Array:
			t = u.Elem()
		case *types.Map:
			t = u.Elem()
		case *types.Chan:
			t = u.Elem()
		case *types.Pointer:
			t = u.Elem()
		default:
			return false
		}
	}
	return false
}

// assign notes the flows of one statement or expression.
func (p *Program) assign(n ast.Node) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		p.pairs(n.Lhs, n.Rhs)
	case *ast.ValueSpec:
		lhs := make([]ast.Expr, len(n.Names))
		for i, id := range n.Names {
			lhs[i] = id
		}
		p.pairs(lhs, n.Values)
	case *ast.RangeStmt:
		if n.Value != nil {
			p.flows(p.target(n.Value), n.X)
		}
	case *ast.SendStmt:
		p.flows(p.target(n.Chan), n.Value)
	case *ast.CompositeLit:
		p.literal(n)
	case *ast.CallExpr:
		p.arguments(n)
	}
}

func (p *Program) pairs(lhs, rhs []ast.Expr) {
	if len(lhs) != len(rhs) {
		return
	}
	for i := range lhs {
		p.flows(p.target(lhs[i]), rhs[i])
	}
}

// literal fills a struct's fields.
func (p *Program) literal(n *ast.CompositeLit) {
	t := p.info.TypeOf(n)
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			v, _ := p.info.Uses[kv.Key.(*ast.Ident)].(*types.Var)
			p.flows(v, kv.Value)
		} else {
			p.flows(st.Field(i), e)
		}
	}
}

// arguments become the callees' parameters.
func (p *Program) arguments(n *ast.CallExpr) {
	for _, f := range p.callees(n) {
		sig := p.signature(f)
		for i, arg := range n.Args {
			if last := sig.Params().Len() - 1; last >= 0 {
				p.flows(sig.Params().At(min(i, last)), arg)
			}
		}
	}
}

// results flow from return statements; those of function literals inside are
// theirs.
func (p *Program) results(body *ast.BlockStmt, sig *types.Signature) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			for i, e := range n.Results {
				if len(n.Results) == sig.Results().Len() {
					p.flows(sig.Results().At(i), e)
				}
			}
		}
		return true
	})
}

func (p *Program) signature(f node) *types.Signature {
	if fn, ok := f.(*types.Func); ok {
		return fn.Signature()
	}
	return p.info.Types[f.(*ast.FuncLit)].Type.(*types.Signature)
}

// target is the variable that an assignment to e changes.
func (p *Program) target(e ast.Expr) *types.Var {
	_, vars := p.sources(e)
	if len(vars) == 1 {
		return vars[0]
	}
	return nil
}

// sources are the functions, and the variables' functions, that e may be.
func (p *Program) sources(e ast.Expr) (funcs []node, vars []*types.Var) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return p.sources(e.X)
	case *ast.StarExpr:
		return p.sources(e.X)
	case *ast.UnaryExpr:
		return p.sources(e.X)
	case *ast.SliceExpr:
		return p.sources(e.X)
	case *ast.IndexExpr:
		return p.sources(e.X)
	case *ast.IndexListExpr:
		return p.sources(e.X)
	case *ast.FuncLit:
		return []node{e}, nil
	case *ast.Ident:
		return p.object(p.info.ObjectOf(e))
	case *ast.SelectorExpr:
		return p.object(p.info.Uses[e.Sel])
	case *ast.CompositeLit:
		return p.elements(e)
	case *ast.CallExpr:
		return p.returned(e)
	}
	return nil, nil
}

func (p *Program) object(o types.Object) ([]node, []*types.Var) {
	switch o := o.(type) {
	case *types.Func:
		return p.methods(o.Origin()), nil
	case *types.Var:
		return nil, []*types.Var{o.Origin()}
	}
	return nil, nil
}

func (p *Program) elements(lit *ast.CompositeLit) (funcs []node, vars []*types.Var) {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		f, v := p.sources(e)
		funcs, vars = append(funcs, f...), append(vars, v...)
	}
	return funcs, vars
}

// returned is what a call gives: a conversion its operand, append its
// arguments, a function its first result.
func (p *Program) returned(call *ast.CallExpr) (funcs []node, vars []*types.Var) {
	if tv := p.info.Types[call.Fun]; tv.IsType() || tv.IsBuiltin() {
		for _, arg := range call.Args {
			f, v := p.sources(arg)
			funcs, vars = append(funcs, f...), append(vars, v...)
		}
		return funcs, vars
	}
	for _, f := range p.callees(call) {
		if res := p.signature(f).Results(); res.Len() > 0 {
			vars = append(vars, res.At(0))
		}
	}
	return nil, vars
}

// callees are the functions that a call may reach.
func (p *Program) callees(call *ast.CallExpr) []node {
	if tv := p.info.Types[call.Fun]; tv.IsType() || tv.IsBuiltin() {
		return nil
	}
	funcs, vars := p.sources(call.Fun)
	for _, v := range vars {
		for f := range p.points[v] {
			funcs = append(funcs, f)
		}
	}
	return funcs
}

// methods are those that a method of an interface of ours stands for; any other
// function is itself.
func (p *Program) methods(f *types.Func) []node {
	recv := f.Signature().Recv()
	if recv == nil || !types.IsInterface(recv.Type()) || !p.ours(f) {
		return []node{f}
	}
	if found, ok := p.impls[f]; ok {
		return found
	}
	found := []node{}
	iface := recv.Type().Underlying().(*types.Interface)
	for _, named := range p.named {
		ptr := types.NewPointer(named)
		if named.TypeParams().Len() > 0 || !types.Implements(ptr, iface) {
			continue
		}
		if o, _, _ := types.LookupFieldOrMethod(ptr, true, f.Pkg(), f.Name()); o != nil {
			if m, ok := o.(*types.Func); ok && !types.IsInterface(m.Signature().Recv().Type()) {
				found = append(found, m.Origin())
			}
		}
	}
	p.impls[f] = found
	return found
}
