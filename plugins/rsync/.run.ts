import { readFileSync, existsSync, openSync, readSync, fstatSync, closeSync } from "node:fs"; import { zstdCompressSync, constants as C } from "node:zlib";
import { execFileSync } from "node:child_process";
import { RsyncEngine } from "/work/main/plugins/rsync/engine.ts";
const P = process.argv[2] ? process.argv[2].split(",") : ["text-typescript","bin-node","wasm-sqljs","png-emojisheet","tree-tabler","tree-mui","tree-caniuse","tgz-tabler","syn-insdel","syn-appendlog","syn-headinsert","syn-identical","syn-different","syn-scatter1pct"];
const pf: any = {"bin-node":9329965,"text-typescript":61141,"wasm-sqljs":58052,"png-emojisheet":20000266,"syn-appendlog":2129251,"syn-different":268441613,"syn-headinsert":29700,"syn-identical":28685,"syn-insdel":404114,"syn-scatter1pct":10654961,"tgz-tabler":1166860,"tree-caniuse":35407,"tree-mui":13111,"tree-tabler":12947};
const file = (p: string) => { const fd = openSync(p, "r"); const n = fstatSync(fd).size; let b = Buffer.alloc(1<<20); return { sizeBytes: n, fd, read(o: number, l: number) { if (l > b.length) b = Buffer.alloc(l); let g = 0; while (g < l) g += readSync(fd, b, g, l - g, o + g); return b.subarray(0, l) } } };
const eng = new RsyncEngine(512<<20); let gm=0,gr=0,c=0; const reps = +(process.env.REPS ?? 3);
for (const n of P) { const d = `/tmp/delta-corpora/${n}`; const t = existsSync(d + "/old.tar") ? ".tar" : ""; const B = file(`${d}/old${t}`), T = file(`${d}/new${t}`);
  let rs=1e9, enc=1e9, zt=1e9, dec=1e9, delta: Buffer = Buffer.alloc(0), z=0;
  for (let i=0;i<reps;i++) {
    if (!process.env.NORS) { execFileSync("cp", [`${d}/old${t}`, "/tmp/rb/f"]); const s = performance.now(); execFileSync("rsync", ["-t","--no-whole-file","--ignore-times","--only-write-batch=/tmp/rb.batch2",`${d}/new${t}`,"/tmp/rb/f"], {stdio:"ignore"}); rs = Math.min(rs, performance.now()-s); }
    let s = performance.now(); const parts=[]; for (const k of eng.encode(B,T)) parts.push(Buffer.from(k)); delta = Buffer.concat(parts); enc=Math.min(enc,performance.now()-s);
    s = performance.now(); z=0; for (let o = 0; o < delta.length; o += 4<<20) z += zstdCompressSync(delta.subarray(o, o + (4<<20)), { params: { [C.ZSTD_c_compressionLevel]: 3 } }).length; zt=Math.min(zt,performance.now()-s);
    s = performance.now(); let o=0; for (const k of eng.decode(B,(function*(){for(let o=0;o<delta.length;o+=1<<20) yield delta.subarray(o,o+(1<<20))})(),T.sizeBytes)) { o+=k.length } ; dec=Math.min(dec,performance.now()-s);
  }
  let o=0,ok=true; for (const k of eng.decode(B,[delta],T.sizeBytes)) { if (!T.read(o,k.length).equals(k)) ok=false; o+=k.length } ok &&= o===T.sizeBytes;
  gm += Math.log(z/pf[n]); gr += Math.log(rs/(enc+zt)); c++;
  console.log(n.padEnd(16), ok, "delta", delta.length, "z", z, "xpf3", (z/pf[n]).toFixed(3), "rsync", rs.toFixed(0), "enc", enc.toFixed(0), "z", zt.toFixed(0), "speedup", (rs/(enc+zt)).toFixed(2), "dec MB/s", (T.sizeBytes/1e3/dec).toFixed(0));
  closeSync(B.fd); closeSync(T.fd);
}
console.log("geo pf3", Math.exp(gm / c).toFixed(3), "rsync", Math.exp(gr / c).toFixed(2));
