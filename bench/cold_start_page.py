"""placeholder"""
def written(python, measured, imports, early, limit):
    base=measured[0]
    for m in measured: print(f"{m.case.name:40} {m.indexed*1000:7.0f} x{m.indexed/base.indexed:.2f}  {m.answered*1000:7.0f} x{m.answered/base.answered:.2f}")
    e={i.package:i.seconds for i in imports[base.case.name]}
    for n,l in imports.items():
        print(n, sum(i.seconds for i in l))
        for i in sorted(l,key=lambda i:-(i.seconds-e.get(i.package,0)))[:25]: print('   ',i.package, round(i.seconds*1000,1), len(i.names), round((i.seconds-e.get(i.package,0))*1000,1))
    print(early); return ''
