/**
 * The closed subset of JSON Schema in which options are declared. One schema gives the validator, the defaults,
 * the TypeScript type, the table in the docs and completion in editors.
 *
 * Objects are closed: a property that is not declared is an error. A property has a `default`, or stands in
 * `required`, or is truly optional. Every property has a `description`.
 */
export type Schema = StringSchema | NumberSchema | BooleanSchema | ArraySchema | ObjectSchema | MapSchema;

interface Described {
  readonly description?: string;
}

/** A text. */
export interface StringSchema extends Described {
  readonly type: "string";
  readonly enum?: readonly string[];
  /**
   * `secret` is never shown; `path` is relative to the file it is written in; `duration` is like `30s`, `5m`, `12h`;
   * `bytes` like `64 KiB`; `glob` a pattern of paths like `docs/**`.
   */
  readonly format?: "secret" | "path" | "duration" | "bytes" | "name" | "address" | "glob";
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly default?: string;
}

/** A number; bounds are included. */
export interface NumberSchema extends Described {
  readonly type: "integer" | "number";
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: number;
}

/** True or false. */
export interface BooleanSchema extends Described {
  readonly type: "boolean";
  readonly default?: boolean;
}

/** A list whose items are all of one schema. */
export interface ArraySchema extends Described {
  readonly type: "array";
  readonly items: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly default?: readonly unknown[];
}

/** An object of declared properties and no others. */
export interface ObjectSchema extends Described {
  readonly type: "object";
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly default?: Readonly<Record<string, never>>;
}

/** An object whose keys are names given by the user. */
export interface MapSchema extends Described {
  readonly type: "object";
  readonly additionalProperties: Schema;
  readonly default?: Readonly<Record<string, never>>;
}

/** The value of a schema after defaults were filled in. */
export type Infer<S> = ObjectSchema extends S ? Readonly<Record<string, unknown>> : InferKnown<S>;

type InferKnown<S> = S extends { readonly type: "string"; readonly enum: readonly (infer Value)[] }
  ? Value
  : S extends { readonly type: "string" }
    ? string
    : S extends { readonly type: "integer" | "number" }
      ? number
      : S extends { readonly type: "boolean" }
        ? boolean
        : S extends { readonly type: "array"; readonly items: infer Items }
          ? readonly Infer<Items>[]
          : S extends { readonly type: "object"; readonly properties: infer Properties }
            ? InferObject<Properties, S extends { readonly required: readonly (infer Names)[] } ? Names : never>
            : S extends { readonly type: "object"; readonly additionalProperties: infer Value }
              ? Readonly<Record<string, Infer<Value>>>
              : never;

type InferObject<Properties, Required> = Flat<
  {
    readonly [
      Key in keyof Properties as Key extends Required
        ? Key
        : Properties[Key] extends { readonly default: unknown }
          ? Key
          : never
    ]: Infer<Properties[Key]>;
  } & {
    readonly [
      Key in keyof Properties as Key extends Required
        ? never
        : Properties[Key] extends { readonly default: unknown }
          ? never
          : Key
    ]?: Infer<Properties[Key]>;
  }
>;

type Flat<T> = { [Key in keyof T]: T[Key] };
