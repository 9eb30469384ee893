/** What the switch of a LAN does to frames. Ports are named by their devices. */
export interface Faults {
  /** Ports of different sides hear nothing of each other. */
  readonly sides: readonly (readonly string[])[];
  /** The share of frames to a port that is lost. */
  readonly loss: ReadonlyMap<string, number>;
  /** Ports to which no multicast goes. */
  readonly withoutMulticast: ReadonlySet<string>;
}

/** The faults as rules of nftables, which take the place of those there are in one step. */
export function rulesOf({ sides, loss, withoutMulticast }: Faults): string {
  const apart = sides.flatMap((side) => {
    const others = sides.filter((other) => other !== side).flat();
    return side.length === 0 || others.length === 0 ? [] : [`iifname ${setOf(side)} oifname ${setOf(others)} drop`];
  });
  const lossy = [...loss].flatMap(([port, share]) => {
    return share === 0 ? [] : [`oifname "${port}" numgen random mod 1000 <= ${Math.round(share * 1_000) - 1} drop`];
  });
  const deafToMulticast =
    withoutMulticast.size === 0 ? [] : [`oifname ${setOf([...withoutMulticast])} ip daddr 224.0.0.0/4 drop`];
  return `
    table bridge lan
    delete table bridge lan
    table bridge lan {
      chain forward {
        type filter hook forward priority 0; policy accept;
        ${[...apart, ...lossy, ...deafToMulticast].join("\n        ")}
      }
    }`;
}

function setOf(ports: readonly string[]): string {
  return `{ ${ports.map((port) => `"${port}"`).join(", ")} }`;
}
