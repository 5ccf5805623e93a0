import json, resource, sys, time
from bench.loads import LOADS
from bench.virtual import VirtualBaton
import logging
def rss():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
load, n = sys.argv[1], int(sys.argv[2])
logging.getLogger("baton").setLevel(logging.CRITICAL)
b = VirtualBaton()
w = LOADS[load](b, n)
r0=rss(); c0=time.process_time()
ids=b.play(w)
cpu=time.process_time()-c0
st={b.runs.load(i).run.status.value for i in ids[:200]}
print(load,n,st,"virtual min",(b.now-__import__('bench.virtual').virtual.T0).total_seconds()/60,"active",b.most_active)
for k,v in sorted(b.counts.items()): print("  %-22s %10.3f"%(k,v/n))
for k,v in sorted(b.azure.calls.items()): print("  %-22s %10.3f"%(k,v/n))
print("  cpu ms/run %.2f (sim %.2f)  rss MB %.0f -> %.0f"%((cpu-b.simulation.seconds)/n*1e3,b.simulation.seconds/n*1e3,r0/1024,rss()/1024))
